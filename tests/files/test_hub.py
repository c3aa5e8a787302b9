"""The hub is asked by one client under one rule: soon, never offline, and never for what is a path."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import huggingface_hub
import pytest
from huggingface_hub import errors

from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.data.keys import source_key
from bigbird_cli.data.rows import read_rows
from bigbird_cli.data.texts import read_texts
from bigbird_cli.errors import BigBirdError, ModelError
from bigbird_cli.files import hub
from bigbird_cli.files.hub import OFFLINE, fetch_model, hub_options, look_up
from bigbird_cli.text.huggingface.bigbird_tokenizer_fast import BigBirdTokenizerFast
from bigbird_cli.text.tokenizers.tokenizer import AutoTokenizer, load_tokenizer
from bigbird_cli.weights.store import find_folder, open_folder

CLIENTS: dict[str, Callable[[str], object]] = {
    "model": open_folder,
    "model_folder": find_folder,
    "config": BigBirdConfig.from_pretrained,
    "tokenizer": load_tokenizer,
    "auto_tokenizer": AutoTokenizer.from_pretrained,
    "fast_tokenizer": BigBirdTokenizerFast.from_pretrained,
}
"""All that take the name of a model."""

DATA: dict[str, Callable[[str], object]] = {
    "rows": lambda name: list(read_rows(f"hub:{name}")),
    "texts": lambda name: list(read_texts(f"hub:{name}")),
    "key": lambda name: source_key([f"hub:{name}"]),
}
"""All that take the name of a data set."""

every_client = pytest.mark.parametrize(
    "open_name", [pytest.param(call, id=name) for name, call in (CLIENTS | DATA).items()]
)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """The names that the hub is asked for, by whomever; it has none of them, and nothing is in the cache."""
    names: list[str] = []

    def ask(_: object, name: str, **__: object) -> None:
        names.append(name)
        raise errors.RepositoryNotFoundError.__new__(errors.RepositoryNotFoundError)

    def download(name: str, *, local_files_only: bool = False, **_: object) -> str:
        if not local_files_only:
            names.append(name)
        raise errors.LocalEntryNotFoundError("not in the cache")

    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setenv("HF_HUB_DISABLE_TELEMETRY", "1")
    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", ask)
    monkeypatch.setattr(huggingface_hub.HfApi, "dataset_info", ask)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    monkeypatch.chdir(tmp_path)
    return names


@every_client
def test_a_name_that_nothing_local_has_is_looked_up(open_name: Callable[[str], object], asked: list[str]) -> None:
    with pytest.raises(BigBirdError, match=r"no public model|no such public data set") as caught:
        open_name("me/it")
    assert asked == ["me/it"]
    assert caught.value.exit_code == 4


@every_client
@pytest.mark.parametrize("variable", OFFLINE)
def test_each_variable_keeps_each_client_offline(
    open_name: Callable[[str], object], variable: str, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for value in ("1", "ON", "yes", "True"):
        monkeypatch.setenv(variable, value)
        with pytest.raises(BigBirdError) as caught:
            open_name("me/it")
        assert caught.value.exit_code == 4
    assert asked == []
    for value in ("0", "", "off", "no"):
        monkeypatch.setenv(variable, value)
        with pytest.raises(BigBirdError):
            open_name("me/it")
    assert len(asked) == 4


@pytest.mark.parametrize(
    "open_name",
    [
        pytest.param(lambda name: open_folder(name, offline=True), id="model"),
        pytest.param(lambda name: BigBirdConfig.from_pretrained(name, local_files_only=True), id="config"),
        pytest.param(lambda name: AutoTokenizer.from_pretrained(name, local_files_only=True), id="tokenizer"),
        pytest.param(lambda name: AutoTokenizer.from_pretrained(name, offline=True), id="tokenizer_offline"),
        pytest.param(lambda name: list(read_rows(f"hub:{name}", offline=True)), id="rows"),
        pytest.param(lambda name: list(read_texts(f"hub:{name}", offline=True)), id="texts"),
        pytest.param(lambda name: source_key([f"hub:{name}"], offline=True), id="key"),
    ],
)
def test_the_option_keeps_each_client_offline(open_name: Callable[[str], object], asked: list[str]) -> None:
    with pytest.raises(BigBirdError) as caught:
        open_name("me/it")
    assert caught.value.exit_code == 4
    assert asked == []


@every_client
def test_a_hub_that_never_answers_is_given_up_soon(
    open_name: Callable[[str], object], asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert hub.SECONDS == 5
    monkeypatch.setattr(hub, "SECONDS", 0.2)
    for ask in ("model_info", "dataset_info"):
        monkeypatch.setattr(huggingface_hub.HfApi, ask, lambda *_, **__: threading.Event().wait())
    begun = time.monotonic()
    with pytest.raises(BigBirdError, match="cannot be reached") as caught:
        open_name("me/it")
    assert time.monotonic() - begun < 5
    assert caught.value.exit_code == 4
    assert asked == []  # nothing is fetched


@pytest.mark.parametrize("open_name", [pytest.param(call, id=name) for name, call in CLIENTS.items()])
@pytest.mark.parametrize("name", [".", "./it", "../me/it", "/me/it", "~/me", "~me/it", "me/it"])
def test_a_path_is_never_looked_up(open_name: Callable[[str], object], name: str, asked: list[str]) -> None:
    Path("me/it").mkdir(parents=True)
    with pytest.raises(ModelError):
        open_name(name)
    assert asked == []


def test_a_cached_copy_serves_whatever_else_the_hub_has(asked: list[str], tmp_path: Path) -> None:
    (tmp_path / "cached").mkdir()
    (tmp_path / "cached" / "config.json").touch()
    wanted: list[Any] = []

    def cached(_: str, *, allow_patterns: list[str], local_files_only: bool, **__: object) -> str:
        assert local_files_only
        wanted.append(allow_patterns)
        return str(tmp_path / "cached")

    options: dict[str, Any] = {"files": ["config.json"], "suggestion": "", "offline": True}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(huggingface_hub, "snapshot_download", cached)
        assert fetch_model("me/it", **options) == tmp_path / "cached"
        with pytest.raises(ModelError, match="its cached copy is incomplete"):
            fetch_model("me/it", is_complete=lambda files: "model.safetensors" in files, **options)
    assert wanted == [["config.json"], ["config.json"]]
    assert asked == []


def test_the_commit_that_was_looked_up_is_fetched(asked: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    files = [SimpleNamespace(rfilename=name) for name in ("config.json", "a.bin")]
    fetched: list[dict[str, Any]] = []

    def download(name: str, **options: object) -> str:
        fetched.append({"name": name, **options})
        return "snapshot"

    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", lambda *_, **__: SimpleNamespace(sha="c0", siblings=files))
    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    assert look_up("me/it", kind="model").files == {"config.json", "a.bin"}
    assert fetch_model("me/it", files=["config.json"], suggestion="", choose=sorted, token="t") == Path("snapshot")
    [options] = fetched
    assert (options["revision"], options["token"]) == ("c0", "t")
    assert options["allow_patterns"] == ["config.json", "a.bin", "config.json"]
    assert asked == []


@pytest.mark.parametrize("revision", [None, "v1", "refs/pr/4"])
def test_what_was_fetched_once_is_found_offline_by_the_same_name(revision: str | None, tmp_path: Path) -> None:
    def download(name: str, *, revision: str, cache_dir: Path, **_: object) -> str:
        snapshot = cache_dir / f"models--{name.replace('/', '--')}" / "snapshots" / revision
        snapshot.mkdir(parents=True, exist_ok=True)
        (snapshot / "config.json").touch()
        return str(snapshot)

    files = [SimpleNamespace(rfilename="config.json")]
    options: dict[str, Any] = {"files": ["config.json"], "suggestion": "", "revision": revision, "cache_dir": tmp_path}
    for commit in ("a" * 40, "b" * 40):
        found = SimpleNamespace(sha=commit, siblings=files)
        with pytest.MonkeyPatch.context() as patch:
            patch.delenv("HF_HUB_OFFLINE", raising=False)
            patch.setattr(huggingface_hub.HfApi, "model_info", lambda *_, found=found, **__: found)
            patch.setattr(huggingface_hub, "snapshot_download", download)
            snapshot = fetch_model("me/it", **options)
        assert snapshot.name == commit
        assert fetch_model("me/it", offline=True, **options) == snapshot


def test_the_hubs_settings_leave_the_others_alone() -> None:
    settings = {"revision": None, "token": "t", "local_files_only": True, "offline": True, "hidden_size": 8}
    assert hub_options(settings) == {"token": "t", "offline": True}
    assert settings == {"hidden_size": 8}
