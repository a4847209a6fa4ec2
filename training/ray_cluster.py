"""A Ray cluster, found or begun, and left behind."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from training.errors import InputError


@contextmanager
def connected(address: str | None, **settings: Any) -> Iterator[Any]:
    """The module `ray`, connected.

    Args:
        address: Of the cluster, or `auto` to find it; None to begin one on this machine.
        settings: Further ones of `ray.init`.

    Raises:
        InputError: If Ray is missing or cannot be reached, or a worker ends with what is not to be tried again.
    """
    try:
        import ray
    except ImportError as error:
        raise InputError("--engine ray needs Ray: pip install 'aullm[ray]'") from error
    try:
        ray.init(address, logging_level=logging.WARNING, log_to_driver=False, **settings)
    except (ConnectionError, RuntimeError) as error:
        raise InputError(f"--address {address}: no cluster is reached there ({error})") from error
    try:
        yield ray
    except ray.exceptions.RayError as error:
        said = str(error).strip().rpartition("\n")[2]
        raise InputError(f"a worker of the cluster cannot go on: {said}") from error
    finally:
        ray.shutdown()
