"""What every payload has in common: it never changes, and it tolerates newer senders."""

from pydantic import BaseModel, ConfigDict


class Contract(BaseModel):
    """A frozen payload of a workflow or an activity.

    Unknown fields are ignored, so that histories and workers of another version
    still decode. Documents that people write refuse them instead
    (`models.documents`).
    """

    model_config = ConfigDict(frozen=True)
