"""The notifications service as Temporal calls it: tell the customer."""

from typing import TYPE_CHECKING

from temporalio import activity

from activities.translation import domain_errors
from models.calls import SendNotificationInput, SendNotificationResult
from models.steps import Service

if TYPE_CHECKING:
    from services.notifications.service import NotificationsService


class NotificationsActivities:
    """The notifications service's operations, by their wire names."""

    def __init__(self, service: "NotificationsService") -> None:
        self._service = service

    @activity.defn(name="send_notification")
    async def send_notification(self, call: SendNotificationInput) -> SendNotificationResult:
        """Send the confirmation, at most once per order."""
        with domain_errors(Service.NOTIFICATIONS):
            return await self._service.send_notification(call)
