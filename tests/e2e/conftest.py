"""Stacks for the tests. Those of a session are shared; a test that breaks things asks `new_stack` for its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from keyring import Keyring
from recorder import Recorder
from stack import (
    BODY_LIMIT,
    Config,
    ExampleUpstream,
    Stack,
    connection_manager,
    envoy_version,
    ext_authz,
    listener,
)
from wire import Address

ENVOYS = ("recommended", "careless")
KNOWS_THE_LIMIT: Config = {"envoy": {"max_request_bytes": BODY_LIMIT}}


def pytest_report_header() -> str:
    return f"envoy: {envoy_version()}"


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Function) -> Iterator[None]:
    outcome: Any = yield
    report = outcome.get_result()
    if report.failed:
        for stack in (value for value in item.funcargs.values() if isinstance(value, Stack)):
            report.sections += [(f"last words of {name}", text) for name, text in stack.last_words().items()]


@pytest.fixture(scope="session")
def recommended(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """`envoy/tollgate.yaml` as it is."""
    yield from recording(tmp_path_factory, "recommended")


@pytest.fixture(scope="session")
def careless(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """An Envoy that protects nothing by itself: what the gate refuses here, it refuses alone."""
    yield from recording(tmp_path_factory, "careless", envoy="careless")


@pytest.fixture(params=ENVOYS)
def stack(request: pytest.FixtureRequest) -> Stack:
    """Either of them, with an upstream that has seen nothing."""
    chosen: Stack = request.getfixturevalue(request.param)
    chosen.recorder.take()
    return chosen


@pytest.fixture
def published(recommended: Stack) -> Stack:
    """The recommended one, with an upstream that has seen nothing."""
    recommended.recorder.take()
    return recommended


@pytest.fixture(scope="session", params=ENVOYS)
def relayed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Either Envoy before an upstream that SDKs understand, and between them one that records."""
    directory = tmp_path_factory.mktemp("behind")
    behind = ExampleUpstream(directory)
    try:
        yield from recording(tmp_path_factory, "relayed", envoy=request.param, behind=behind.address)
    finally:
        behind.stop()


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The recommended Envoy before an upstream that SDKs understand."""
    directory = tmp_path_factory.mktemp("app")
    upstream = ExampleUpstream(directory)
    try:
        stack = Stack(directory, upstream)
        yield stack
        stack.stop()
    finally:
        upstream.stop()


NewStack = Callable[..., Stack]


@pytest.fixture
def new_stack(tmp_path: Path) -> Iterator[NewStack]:
    """Makes stacks that live as long as the test."""
    upstream = Recorder()
    made: list[Stack] = []

    def make(**options: Any) -> Stack:
        directory = tmp_path / str(len(made))
        directory.mkdir()
        made.append(Stack(directory, upstream, **options))
        return made[-1]

    yield make
    for stack in made:
        stack.stop()
    upstream.stop()


@pytest.fixture
def keyring(stack: Stack) -> Keyring:
    return stack.keyring


def as_it_is(_: Config) -> None:
    """Changes nothing."""


def carelessly(config: Config) -> None:
    """Takes out of the recommended bootstrap what helps the gate."""
    manager = connection_manager(config)
    for setting in (
        "normalize_path",
        "merge_slashes",
        "path_with_escaped_slashes_action",
        "early_header_mutation_extensions",
    ):
        del manager[setting]
    del manager["common_http_protocol_options"]["headers_with_underscores_action"]
    del manager["http2_protocol_options"]["override_stream_error_on_invalid_http_message"]
    authz = ext_authz(config)
    for setting in ("encode_raw_headers", "validate_mutations", "decoder_header_mutation_rules"):
        del authz[setting]
    del authz["with_request_body"]["pack_as_bytes"]
    authz["with_request_body"]["allow_partial_message"] = True
    listener(config)["per_connection_buffer_limit_bytes"] = BODY_LIMIT
    manager["http2_protocol_options"]["initial_stream_window_size"] = BODY_LIMIT
    del manager["http2_protocol_options"]["initial_connection_window_size"]


def recording(
    factory: pytest.TempPathFactory,
    name: str,
    *,
    envoy: str = "recommended",
    gate: Config | None = None,
    behind: Address | None = None,
) -> Iterator[Stack]:
    """One of the `ENVOYS` before an upstream that records."""
    upstream = Recorder(behind)
    patch = carelessly if envoy == "careless" else as_it_is
    stack = Stack(factory.mktemp(name), upstream, gate={**KNOWS_THE_LIMIT, **(gate or {})}, patch=patch)
    yield stack
    stack.stop()
    upstream.stop()
