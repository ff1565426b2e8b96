"""The vendors' own clients, as users run them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import anthropic
import openai
import pytest

from keyring import Caller
from stack import Stack

TEXT = "The gate let you through."
CLAUDE = "claude-example"


@pytest.fixture
def hello() -> Any:
    return [{"role": "user", "content": "hello"}]


def openai_client(stack: Stack, who: Caller) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{stack.url}/v1", api_key=who.key, max_retries=0, timeout=20)


def anthropic_client(stack: Stack, who: Caller) -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=stack.url, api_key=who.key, max_retries=0, timeout=20)


@pytest.fixture
def alice(app: Stack) -> Iterator[openai.OpenAI]:
    with openai_client(app, app.keyring.alice) as client:
        yield client


def identity(answer: Any) -> dict[str, str]:
    """The identity headers that the example upstream echoes."""
    return {name: value for name, value in answer.model_extra["echo"]["headers"] if name.startswith("x-auth-")}


def reason(app: Stack, refused: openai.APIStatusError) -> str:
    assert refused.request_id
    return str(app.decision(refused.request_id)["reason"])


def error_type(refused: anthropic.APIStatusError) -> str:
    body: Any = refused.body
    return str(body["error"]["type"])


def test_openai_models(alice: openai.OpenAI) -> None:
    assert "gpt-4o" in [model.id for model in alice.models.list()]


def test_openai_chat(alice: openai.OpenAI, hello: Any) -> None:
    completion = alice.chat.completions.create(model="gpt-4o", messages=hello)
    assert completion.choices[0].message.content == TEXT
    assert identity(completion)["x-auth-user-id"] == "alice"
    assert identity(completion)["x-auth-model"] == "gpt-4o"


def test_openai_chat_streamed(alice: openai.OpenAI, hello: Any) -> None:
    with alice.chat.completions.create(model="gpt-4o", messages=hello, stream=True) as stream:
        chunks = list(stream)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == TEXT
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert identity(chunks[0])["x-auth-user-id"] == "alice"


def test_openai_responses(alice: openai.OpenAI) -> None:
    made = alice.responses.create(model="gpt-4o", input="hello", background=True)
    assert (made.status, identity(made)["x-auth-user-id"]) == ("in_progress", "alice")
    assert [item.type for item in alice.responses.input_items.list(made.id)] == ["message"]
    assert alice.responses.cancel(made.id).status == "cancelled"
    assert alice.responses.retrieve(made.id).status == "cancelled"
    alice.responses.delete(made.id)
    with pytest.raises(openai.NotFoundError):
        alice.responses.retrieve(made.id)


def test_openai_responses_streamed(alice: openai.OpenAI) -> None:
    with alice.responses.create(model="gpt-4o", input="hello", stream=True) as stream:
        events = list(stream)
    assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == TEXT
    assert events[-1].type == "response.completed"
    assert alice.responses.retrieve(events[-1].response.id).output_text == TEXT


def test_openai_401_is_an_authentication_error(app: Stack, hello: Any) -> None:
    with openai_client(app, app.keyring.unknown) as client, pytest.raises(openai.AuthenticationError) as refused:
        client.chat.completions.create(model="gpt-4o", messages=hello)
    assert reason(app, refused.value) == "credential_unknown"


def test_openai_403_is_a_permission_denied_error(app: Stack, hello: Any) -> None:
    with openai_client(app, app.keyring.mini) as client, pytest.raises(openai.PermissionDeniedError) as refused:
        client.chat.completions.create(model="gpt-4o", messages=hello, stream=True)
    assert (reason(app, refused.value), refused.value.param) == ("key_model_denied", "model")


def test_openai_400_is_a_bad_request_error(app: Stack, hello: Any) -> None:
    with openai_client(app, app.keyring.alice) as client, pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(model="", messages=hello)
    assert reason(app, refused.value) == "model_missing"


def test_anthropic_messages(app: Stack, hello: Any) -> None:
    with anthropic_client(app, app.keyring.alice) as client:
        message = client.messages.create(model=CLAUDE, max_tokens=10, messages=hello)
    assert [block.text for block in message.content if block.type == "text"] == [TEXT]
    assert identity(message)["x-auth-model"] == CLAUDE


def test_anthropic_messages_streamed(app: Stack, hello: Any) -> None:
    with (
        anthropic_client(app, app.keyring.alice) as client,
        client.messages.stream(model=CLAUDE, max_tokens=10, messages=hello) as stream,
    ):
        assert "".join(stream.text_stream) == TEXT


def test_anthropic_with_a_bearer_token(app: Stack, hello: Any) -> None:
    with anthropic.Anthropic(base_url=app.url, auth_token=app.keyring.alice.key, max_retries=0) as client:
        assert client.messages.create(model=CLAUDE, max_tokens=10, messages=hello).stop_reason == "end_turn"


def test_anthropic_401_is_an_authentication_error(app: Stack, hello: Any) -> None:
    with anthropic_client(app, app.keyring.unknown) as client, pytest.raises(anthropic.AuthenticationError) as refused:
        client.messages.create(model=CLAUDE, max_tokens=10, messages=hello)
    assert error_type(refused.value) == "authentication_error"


def test_anthropic_403_is_a_permission_denied_error(app: Stack, hello: Any) -> None:
    with anthropic_client(app, app.keyring.mini) as client, pytest.raises(anthropic.PermissionDeniedError) as refused:
        client.messages.create(model=CLAUDE, max_tokens=10, messages=hello)
    assert error_type(refused.value) == "permission_error"


def test_a_stream_is_not_held_back(app: Stack, hello: Any) -> None:
    """The example upstream pauses 20 ms between events, so a stream that was held back would arrive at once."""
    with openai_client(app, app.keyring.alice) as client:
        stream = client.chat.completions.create(model="gpt-4o", messages=hello, stream=True)
        arrivals = [time.monotonic() for _ in stream]
    assert arrivals[-1] - arrivals[0] > 0.05
