"""What OpenAPI says of bodies that we read ourselves, more strictly than the framework would."""

from typing import Any

from pydantic import BaseModel

IDEMPOTENCY_KEY = "Idempotency-Key"
LONGEST_KEY = 255


def document_body(model: type[BaseModel], example: dict[str, Any]) -> dict[str, Any]:
    """An operation's body, which is a document of this model, and its `Idempotency-Key`."""
    return {
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _inlined(model), "example": example}},
        },
        "parameters": [
            {
                "name": IDEMPOTENCY_KEY,
                "in": "header",
                "required": False,
                "description": "Chosen by the client, a fresh one for each wish. Sent again with "
                "the same body, the request is done once and answered alike.",
                "schema": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": LONGEST_KEY,
                    "pattern": "^[!-~]+$",
                },
            }
        ],
    }


def _inlined(model: type[BaseModel]) -> dict[str, Any]:
    """The model's schema without references, which would point into nowhere here."""
    schema = model.model_json_schema()
    definitions: dict[str, Any] = schema.pop("$defs", {})

    def resolve(part: Any) -> Any:
        if isinstance(part, dict):
            if "$ref" in part:
                return resolve(definitions[part["$ref"].rpartition("/")[2]])
            return {name: resolve(value) for name, value in part.items()}
        return [resolve(each) for each in part] if isinstance(part, list) else part

    inlined: dict[str, Any] = resolve(schema)
    return inlined
