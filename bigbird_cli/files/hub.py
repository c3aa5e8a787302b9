"""The Hugging Face hub: the only client of it here, with one rule for when it may be asked.

Models, tokenizers and data sets are looked up by `look_up` alone, which says within seconds what the hub has, or why it
cannot be said.
"""

import contextlib
import os
import sys
import threading
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

from bigbird_cli.errors import BigBirdWarning, ModelError
from bigbird_cli.files.whole import replace_file

SECONDS: Final = 5.0
"""How long the hub may take to say what it has."""

OFFLINE: Final = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE")
"""Variables of the environment by which Hugging Face's libraries ask no network; here each holds for everything."""

_YES: Final = frozenset({"1", "ON", "YES", "TRUE"})  # as huggingface_hub reads them

_T = TypeVar("_T")


@dataclass(frozen=True)
class Repository:
    """What the hub has under a name: the commit of the revision that was asked for, and its files' names."""

    commit: str | None
    files: frozenset[str]


class HubError(Exception):
    """The hub does not give what it was asked for. Its text is one line; who asked says what that means."""


class NotOnHubError(HubError):
    """The hub has nothing of this name."""


class NoRevisionError(NotOnHubError):
    """The hub has the name, and no such revision of it."""


def offline_variable() -> str | None:
    """The variable of the environment that says that nothing may be looked up, or None."""
    return next((name for name in OFFLINE if os.environ.get(name, "").upper() in _YES), None)


def is_offline(*, offline: bool) -> bool:
    """Whether nothing may be looked up: the caller, or a variable of the environment says so."""
    return offline or offline_variable() is not None


def look_up(
    name: str, *, kind: Literal["model", "dataset"], revision: str | None = None, token: str | bool | None = None
) -> Repository:
    """Ask what the hub has under a name; the caller has made sure that it may be asked.

    Args:
        name: of a model or a data set.
        kind: which of them.
        revision: branch, tag or commit; None for the newest.
        token: of a user of the hub; None for the one that is stored on this machine.

    Raises:
        NotOnHubError: there is none of this name, or (NoRevisionError) not this revision of it.
        HubError: the hub cannot be reached, or has not answered within SECONDS.
    """
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    import huggingface_hub  # only here: it is slow to import, and few commands need it
    from huggingface_hub import errors

    client = huggingface_hub.HfApi(token=token)
    ask = client.model_info if kind == "model" else client.dataset_info
    what = "model" if kind == "model" else "data set"
    try:
        found = _within(SECONDS, lambda: ask(name, revision=revision, timeout=SECONDS))
    except errors.RevisionNotFoundError as error:
        raise NoRevisionError(f"the hub has no such revision of this {what}") from error
    except (errors.RepositoryNotFoundError, errors.HFValidationError) as error:
        raise NotOnHubError(f"the hub has no such public {what}") from error
    except Exception as error:  # whatever the network and its library come up with
        raise HubError(f"the Hugging Face hub cannot be reached ({_first_line(error)})") from error
    return Repository(found.sha, frozenset(file.rfilename for file in found.siblings or ()))


def fetch_model(
    name: str,
    *,
    files: Sequence[str],
    suggestion: str,
    choose: Callable[[frozenset[str]], Sequence[str]] = lambda _: (),
    is_complete: Callable[[frozenset[str]], bool] = bool,
    offline: bool = False,
    revision: str | None = None,
    cache_dir: str | Path | None = None,
    token: str | bool | None = None,
) -> Path:
    """The folder of a hub model's files on this machine: fetched, or from the cache where the hub cannot be asked.

    Args:
        name: of the model on the hub; nothing local has this name.
        files: names of files to fetch, as far as the hub has them.
        suggestion: what else to name, for errors.
        choose: patterns of more files to fetch, given the names of all that the hub has; it raises where they will not
            do.
        is_complete: whether a cached copy will do, given the names of its files.
        offline: take it from the cache; so do the variables in OFFLINE.
        revision: branch, tag or commit; None for the newest.
        cache_dir: the cache; None for Hugging Face's own.
        token: as of `look_up`.

    Raises:
        ModelError: the hub has no such model, the download failed, or the hub cannot be asked and the cache lacks it.
    """

    def from_cache(problem: str) -> Path:
        folder = _cached(name, files, revision=revision, cache_dir=cache_dir)
        if folder is None:
            fix = f"connect to the network, or give a folder; {suggestion}"
            raise ModelError(problem, where=name, fix=fix)
        if not is_complete(frozenset(file.name for file in folder.iterdir())):
            raise ModelError(f"{problem}; its cached copy is incomplete", where=name, fix="connect to the network once")
        return folder

    if is_offline(offline=offline):
        return from_cache("there is no such folder, the model is not in this machine's cache, and the network is off")
    try:
        found = look_up(name, kind="model", revision=revision, token=token)
    except NotOnHubError as error:
        is_known = isinstance(error, NoRevisionError)
        raise ModelError(
            str(error) if is_known else "no folder, no shipped model and no public model on the hub has this name",
            where=name if revision is None else f"{name}, revision {revision}",
            fix=suggestion,
        ) from error
    except HubError as error:
        folder = from_cache(f"there is no such folder, and {error}")
        warnings.warn(f"{name}: the hub cannot be reached, so the cached copy is used", BigBirdWarning, stacklevel=2)
        return folder
    more = choose(found.files)
    import huggingface_hub
    from huggingface_hub.utils.tqdm import disable_progress_bars

    if not sys.stderr.isatty():
        disable_progress_bars()
    try:
        fetched = huggingface_hub.snapshot_download(
            name,
            revision=found.commit,
            allow_patterns=[*files, *more],
            etag_timeout=SECONDS,
            local_files_only=False,
            cache_dir=cache_dir,
            token=token,
        )
    except Exception as error:  # as above
        raise ModelError(
            f"the download failed ({_first_line(error)})", where=name, fix="try again; what came is kept"
        ) from error
    _remember(Path(fetched), revision or "main")
    return Path(fetched)


def hub_options(settings: dict[str, Any]) -> dict[str, Any]:
    """Take out of settings, as Hugging Face's users name them, what `fetch_model` takes for a hub name."""
    hub = {name: settings.pop(name, None) for name in ("revision", "cache_dir", "token")}
    offline = [settings.pop(name, False) for name in ("offline", "local_files_only")]
    return {name: value for name, value in hub.items() if value is not None} | {"offline": any(offline)}


def _cached(name: str, files: Sequence[str], *, revision: str | None, cache_dir: str | Path | None) -> Path | None:
    """The folder of a model in the cache, without any network; None where it is not there with all of these files."""
    import huggingface_hub

    try:
        folder = huggingface_hub.snapshot_download(
            name, revision=revision, allow_patterns=list(files), cache_dir=cache_dir, local_files_only=True
        )
    except Exception:  # several kinds, by what the cache lacks
        return None
    return Path(folder)


def _remember(snapshot: Path, revision: str) -> None:
    """Let the cache find a commit by the branch or tag that named it; it keeps no name of what is fetched by commit."""
    if snapshot.parent.name != "snapshots" or snapshot.name == revision:
        return
    ref = snapshot.parents[1] / "refs" / revision
    with contextlib.suppress(OSError):  # a cache that cannot be written serves this time alone
        ref.parent.mkdir(parents=True, exist_ok=True)
        replace_file(ref, snapshot.name.encode())


def _within(seconds: float, call: Callable[[], _T]) -> _T:
    """A call's result, or TimeoutError: network libraries' own limits leave out name servers and retries."""
    results: list[_T] = []
    failures: list[Exception] = []

    def run() -> None:
        try:
            results.append(call())
        except Exception as error:
            failures.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if failures:
        raise failures[0]
    if not results:
        raise TimeoutError(f"no answer within {seconds:.0f} s")
    return results[0]


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
