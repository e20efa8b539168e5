"""The workers, and the one place where stores, services, activities and workers are wired."""

import argparse
import asyncio
import contextlib
import logging
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    # Until `run_program` listens: Ctrl-C while all of the below loads ends it without a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from pydantic import SecretStr
from temporalio.client import Client
from temporalio.worker import PollerBehaviorSimpleMaximum, Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from activities.alerts import AlertActivities, unusable_targets
from activities.audits import AuditActivities
from activities.inventory import InventoryActivities
from activities.notifications import NotificationsActivities
from activities.orders import OrdersActivities
from activities.payments import PaymentsActivities
from activities.points import PointsActivities
from activities.shipping import ShippingActivities
from audit import stores as audit_stores
from audit.auditor import audit
from client.audits import schedule_audits
from client.documents import DocumentError, read_shop
from models.calls import AuditSummary
from models.documents import Shop
from models.steps import Service
from runtime.connection import connect, find_server
from runtime.embedded import EmbeddedServer
from runtime.heartbeats import Heartbeats
from runtime.logs import configure_logs
from runtime.program import CommandError, ExitCode, run_program
from runtime.search_attributes import register_search_attributes
from runtime.server import Found, Server
from runtime.settings import Settings
from runtime.worker_arguments import worker_parser
from services.database import Database, StoreUnavailable
from services.faults import FaultFileError, Faults
from services.inventory.service import InventoryService
from services.notifications.mailer import SmtpMailer
from services.notifications.service import NotificationsService
from services.orders.relay import Relay
from services.orders.service import OrdersService
from services.payments.sandbox import SandboxGateway
from services.payments.service import PaymentsService
from services.points.service import PointsService
from services.shipping.service import ShippingService
from workflows.audit_run import AuditRun
from workflows.choreography.reaction import Reaction
from workflows.choreography.tracker import OrderTracker
from workflows.order_saga import OrderSaga
from workflows.prepare_shop import PrepareShop

SAMPLE_SHOP = Path(__file__).parent / "examples" / "shop.json"
DEMONSTRATION_FAULTS = Path(__file__).parent / "examples" / "demonstration-faults.json"
EVERYWHERE: Sequence[type] = (Reaction,)
"""Each service reacts to events on its own task queue."""
WITH_ORDERS: Sequence[type] = (OrderSaga, OrderTracker, PrepareShop, AuditRun)

# A killed worker's sticky queue delays its orders by so much; shorter, and a busy worker
# loses its cache to itself.
STICKY_TIMEOUT = timedelta(seconds=1)
# Longer than every call's start-to-close timeout but the payment's, which is tried again.
DRAIN_TIMEOUT = timedelta(seconds=10)
# A worker that is frozen, not dead, swallows one workflow task for each of its polls.
WORKFLOW_POLLS = 2
ACTIVITY_POLLS = 3

# Ours and pydantic are deterministic; loading them anew for every workflow costs time and memory.
SANDBOX = SandboxedWorkflowRunner(
    SandboxRestrictions.default.with_passthrough_modules(
        "activities", "models", "pydantic", "pydantic_core"
    )
)

logger = logging.getLogger("worker")


@dataclass(frozen=True)
class WorkerOptions:
    """What a worker process runs, besides its settings."""

    services: Sequence[Service] = tuple(Service)
    shop: Shop | None = None
    """Loaded into the stores at the start: what is missing is added, nothing is changed."""
    faults: Faults | None = None
    demonstration: bool = False
    """Whether the web is served by this process, too."""
    cached_workflows: int = 1000
    """How many sagas stay in memory; with 0, every workflow task replays its saga's history."""


@contextlib.asynccontextmanager
async def running_workers(
    settings: Settings, client: Client, options: WorkerOptions
) -> AsyncIterator[Sequence["asyncio.Task[None]"]]:
    """Workers that poll until the block is left; then they finish what they have begun.

    Yields the workers' tasks: one that ends early has failed for good. Raises `StoreUnavailable`.
    """
    async with contextlib.AsyncExitStack() as stack:
        stores = await _open_stores(settings, options.services, stack)
        services = {
            name: _service(name, store, settings.smtp_url) for name, store in stores.items()
        }
        if options.shop is not None:
            await _load_shop(services, options.shop)
        if options.faults is not None:
            services = {name: options.faults.wrap(service) for name, service in services.items()}
        workers = [
            _worker(client, name, service, settings, options.cached_workflows)
            for name, service in services.items()
        ]
        runs = [asyncio.create_task(worker.run()) for worker in workers]
        relays = _relays(settings, stores)
        runs += [asyncio.create_task(relay.run()) for relay in relays]
        try:
            yield runs
        finally:
            await asyncio.gather(*(worker.shutdown() for worker in workers))
            for relay in relays:  # after the workers, whose last orders have just ended
                relay.stop()
            await asyncio.gather(*runs)


async def _open_stores(
    settings: Settings, services: Sequence[Service], stack: contextlib.AsyncExitStack
) -> Mapping[Service, Database]:
    stores: dict[Service, Database] = {}
    for service in services:
        stores[service] = Database(settings.database_url_for(service))
        stack.push_async_callback(stores[service].close)
        await stores[service].migrate(service)
    return stores


def _relays(settings: Settings, stores: Mapping[Service, Database]) -> list[Relay]:
    """The one that delivers the orders' events, where there is an address for them."""
    if settings.event_url is None or Service.ORDERS not in stores:
        return []
    return [Relay(stores[Service.ORDERS], settings.event_url.get_secret_value())]


def _service(name: Service, store: Database, smtp_url: SecretStr | None) -> Any:
    match name:
        case Service.ORDERS:
            return OrdersService(store)
        case Service.INVENTORY:
            return InventoryService(store)
        case Service.PAYMENTS:
            return PaymentsService(store, SandboxGateway(store))
        case Service.POINTS:
            return PointsService(store)
        case Service.SHIPPING:
            return ShippingService(store)
        case Service.NOTIFICATIONS:
            mailer = SmtpMailer(smtp_url.get_secret_value()) if smtp_url else None
            return NotificationsService(store, mailer)


async def _load_shop(services: Mapping[Service, Any], shop: Shop) -> None:
    if Service.INVENTORY in services:
        await services[Service.INVENTORY].stock_products(shop.products)
    if Service.POINTS in services:
        await services[Service.POINTS].enrol_customers(shop.customers)


def _worker(
    client: Client, name: Service, service: Any, settings: Settings, cached_workflows: int
) -> Worker:
    """The worker of one service, on the task queue of that name; sagas live with the orders."""
    orders = name is Service.ORDERS
    return Worker(
        client,
        task_queue=name,
        workflows=[*EVERYWHERE, *WITH_ORDERS] if orders else EVERYWHERE,
        activities=_activities(name, service, settings, client),
        workflow_runner=SANDBOX,
        interceptors=[Heartbeats()],
        max_cached_workflows=cached_workflows,
        sticky_queue_schedule_to_start_timeout=STICKY_TIMEOUT,
        graceful_shutdown_timeout=DRAIN_TIMEOUT,
        workflow_task_poller_behavior=PollerBehaviorSimpleMaximum(WORKFLOW_POLLS),
        activity_task_poller_behavior=PollerBehaviorSimpleMaximum(ACTIVITY_POLLS),
    )


def _activities(
    name: Service, service: Any, settings: Settings, client: Client
) -> list[Callable[..., Any]]:
    match name:
        case Service.ORDERS:
            orders = OrdersActivities(service)
            alerts = AlertActivities(settings.alert_urls)
            audits = AuditActivities(lambda: _audit(settings, client))
            return [
                orders.create_order,
                orders.complete_order,
                orders.cancel_order,
                alerts.send_alert,
                alerts.send_silence_alert,
                alerts.send_audit_alert,
                audits.run_audit,
            ]
        case Service.INVENTORY:
            inventory = InventoryActivities(service)
            return [
                inventory.reserve_inventory,
                inventory.release_inventory,
                inventory.stock_products,
            ]
        case Service.PAYMENTS:
            payments = PaymentsActivities(service)
            return [payments.process_payment, payments.refund_payment]
        case Service.POINTS:
            points = PointsActivities(service)
            return [points.deduct_points, points.restore_points, points.enrol_customers]
        case Service.SHIPPING:
            shipping = ShippingActivities(service)
            return [shipping.create_shipment, shipping.cancel_shipment]
        case Service.NOTIFICATIONS:
            return [NotificationsActivities(service).send_notification]


async def _audit(settings: Settings, client: Client) -> AuditSummary:
    async with audit_stores.opened(settings) as stores:
        report = await audit(stores, client)
    return AuditSummary(
        orders=sum(report.orders.values()),
        findings=report.finding_count,
        findings_by_rule=report.findings_by_rule,
    )


@contextlib.asynccontextmanager
async def _server(settings: Settings) -> AsyncIterator[Server]:
    """The server to work for; the data folder's own where no other is configured or answers."""
    server = await find_server(settings)
    if server is None or server.found is Found.EMBEDDED:
        async with EmbeddedServer.running(settings) as embedded:
            yield embedded
    else:
        yield server


async def work(options: WorkerOptions, settings: Settings) -> int:
    """Work until the process is told to stop."""
    settings.prepare_home()
    async with _server(settings) as server:
        client = await connect(server)
        await register_search_attributes(client)
        try:
            async with running_workers(settings, client, options) as runs:
                if Service.ORDERS in options.services:
                    await _schedule_audits(settings, client)
                logger.info(
                    "workers are polling",
                    extra={
                        "server": server.address,
                        "web_ui": server.web_ui,
                        "home": str(settings.home),
                        "services": " ".join(options.services),
                    },
                )
                async with _web(settings, options) as ended:
                    await asyncio.gather(*runs, *ended)
        except StoreUnavailable as unavailable:
            raise CommandError(str(unavailable), ExitCode.NOT_REACHABLE) from None
    return ExitCode.DONE


@contextlib.asynccontextmanager
async def _web(
    settings: Settings, options: WorkerOptions
) -> AsyncIterator[Sequence[Awaitable[None]]]:
    """The API and the dashboard, in demonstration mode alone; yields what waits for their end."""
    if not options.demonstration:
        yield ()
        return
    from web.server import serving  # the dashboard's framework takes a while to load

    async with serving(settings, demonstration=True) as ended:
        yield (ended(),)


async def _schedule_audits(settings: Settings, client: Client) -> None:
    every = timedelta(seconds=settings.audit_every) if settings.audit_every else None
    await schedule_audits(client, every, len(settings.alert_urls))


def _check_alert_targets(settings: Settings) -> None:
    if settings.alert_urls and (unusable := unusable_targets(settings.alert_urls)):
        numbers = ", ".join(str(index + 1) for index in unusable)
        raise CommandError(
            f"ORDER_SAGA_ALERT_URLS: no alert can be sent to address {numbers} of "
            f"{len(settings.alert_urls)}",
            ExitCode.BAD_INPUT,
        )


def _options(arguments: argparse.Namespace, settings: Settings) -> WorkerOptions:
    faults = DEMONSTRATION_FAULTS if arguments.demonstration else arguments.faults
    try:
        return WorkerOptions(
            services=arguments.only or tuple(Service),
            shop=read_shop(arguments.shop) if arguments.shop else sample_shop(settings),
            faults=Faults.load(faults, settings.prepare_home() / "faults.db") if faults else None,
            demonstration=arguments.demonstration,
        )
    except (DocumentError, FaultFileError) as error:
        raise CommandError(str(error), ExitCode.BAD_INPUT) from None


def sample_shop(settings: Settings) -> Shop | None:
    """What a data folder starts with; nothing where the stores belong to a deployment."""
    return read_shop(str(SAMPLE_SHOP)) if settings.database_url is None else None


async def main() -> int:
    """Parse the command line and work."""
    arguments = worker_parser().parse_args()
    settings = Settings.load()
    configure_logs(settings)
    _check_alert_targets(settings)
    return await work(_options(arguments, settings), settings)


if __name__ == "__main__":
    run_program(main, exit_when_stopped=ExitCode.DONE)
