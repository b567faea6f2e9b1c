"""Several processes at one problem, on one machine or many (torch.distributed): a block of classes for each.

Rank 0 runs the program and decides everything. The others wait for what it asks of them: each evaluation and
each certificate is begun by rank 0, every rank takes its own block of classes, and what is summed over the
classes is added up. No other rank holds a state, reads a file, or writes one: a run may go on with any number
of ranks, and machines that round differently cannot part ways.

A rank that dies closes its connections, and the next sum of any other raises `RankLost`.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from feature_collapse.errors import InputError, RunStopped

CONNECT = timedelta(seconds=300)  # for all ranks to be there
PATIENCE = timedelta(minutes=30)  # for a rank that keeps its connections and says nothing
_IDLE = timedelta(days=30)  # rank 0 may be long at what it does alone
_ORDERS = ("end", "data", "evaluate", "images", "certify")
_DTYPES = (torch.float32, torch.float64, torch.int32)
_MOST, _DIMENSIONS = 10, 2  # tensors of an order, and of a tensor
_LOST = (
    "another rank of this run has ended or cannot be reached; the same command goes on from the last "
    "checkpoint, with any number of ranks"
)


class RankLost(RunStopped):
    """Another rank has died, or this one was told to stop because one has."""

    def __init__(self, message: str = _LOST) -> None:
        """Keep the message."""
        super().__init__(message)


class Ranks:
    """The processes of a run; the default is this one alone, whose sums are what they are.

    Attributes:
        rank: this one's number.
        size: how many there are.
        broken: whether one is lost, or this one stopped amid what all were at; nothing more can be asked.

    >>> Ranks().block(10), Ranks(1, 3).block(10)
    ((0, 10), (3, 6))
    """

    def __init__(self, rank: int = 0, size: int = 1, orders: Any = None) -> None:
        """The process `rank` of `size`; `orders` is the group of processes through which rank 0 asks."""
        self.rank, self.size, self._orders = rank, size, orders
        self.broken = False

    def block(self, K: int) -> tuple[int, int]:
        """Return the first of this rank's classes and the one after its last."""
        return K * self.rank // self.size, K * (self.rank + 1) // self.size

    def largest_block(self, K: int) -> int:
        """Return the number of classes of the rank that has most."""
        return -(-K // self.size)

    def check(self, K: int) -> None:
        """Check that every rank has a class.

        Raises:
            InputError: naming both numbers.
        """
        if self.size > K:
            raise InputError(f"K = {K} classes for {self.size} ranks, but must be at least one for each")

    def add(self, *tensors: Tensor) -> None:
        """Add up tensors over the ranks, in place; all then hold the same bits, those of rank 0."""
        if self.size > 1:
            with _watched(self):
                for tensor in tensors:
                    dist.reduce(tensor, 0)
                    dist.broadcast(tensor, 0)

    def add_up(self, *tensors: Tensor) -> None:
        """Add up tensors over the ranks, in place on rank 0; elsewhere they are of any value afterwards."""
        if self.size > 1:
            with _watched(self):
                for tensor in tensors:
                    dist.reduce(tensor, 0)

    def maximum(self, tensor: Tensor) -> None:
        """Take the largest over the ranks, entry by entry, in place."""
        if self.size > 1:
            with _watched(self):
                dist.all_reduce(tensor, dist.ReduceOp.MAX)

    @contextmanager
    def asking(self, order: str, *tensors: Tensor | None) -> Iterator[None]:
        """Send an order from rank 0 to the others; the block is what all of them do."""
        if self.size == 1:
            yield
            return
        try:
            self._send(order, tensors)
            yield
        except BaseException:
            self.broken = True
            raise

    def asked(self) -> tuple[str, list[Tensor | None]]:
        """Return what rank 0 asks next, on another rank, with the tensors that it sent."""
        header = torch.zeros(2 + _MOST * (3 + _DIMENSIONS), dtype=torch.int64)
        with _watched(self):
            dist.broadcast(header, 0, group=self._orders)
            order, count, *facts = header.tolist()
            tensors = list[Tensor | None]()
            for i in range(count):
                kind, on_gpu, dimensions, *shape = facts[i * (3 + _DIMENSIONS) : (i + 1) * (3 + _DIMENSIONS)]
                if kind < 0:
                    tensors.append(None)
                    continue
                device = "cuda" if on_gpu else "cpu"
                tensor = torch.empty(shape[:dimensions], dtype=_DTYPES[kind], device=device)
                dist.broadcast(tensor, 0)
                tensors.append(tensor)
        return _ORDERS[order], tensors

    def end(self) -> None:
        """Let the others go, if they still listen; only rank 0 asks for it."""
        if self.size > 1 and not self.broken:
            try:
                if self.rank == 0:
                    with self.asking("end"):
                        pass
                dist.destroy_process_group()
            except RankLost:  # what this rank had to do is done
                pass

    def _send(self, order: str, tensors: tuple[Tensor | None, ...]) -> None:
        facts = list[int]()
        for tensor in tensors:
            if tensor is None:
                facts += [-1, 0, 0] + [0] * _DIMENSIONS
                continue
            shape = [*tensor.shape] + [0] * (_DIMENSIONS - tensor.ndim)
            facts += [_DTYPES.index(tensor.dtype), int(tensor.is_cuda), tensor.ndim, *shape]
        header = torch.zeros(2 + _MOST * (3 + _DIMENSIONS), dtype=torch.int64)
        header[: 2 + len(facts)] = torch.tensor([_ORDERS.index(order), len(tensors), *facts])
        with _watched(self):
            dist.broadcast(header, 0, group=self._orders)
            for tensor in tensors:
                if tensor is not None:
                    dist.broadcast(tensor.contiguous(), 0)


ALONE = Ranks()


@contextmanager
def _watched(ranks: Ranks) -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:  # gloo's and NCCL's, of a connection that is closed, or silent for too long
        ranks.broken = True
        raise RankLost from error


def join(environment: Mapping[str, str] | None = None) -> Ranks:
    """Return the ranks of a run of several processes, once all are there; `ALONE` unless WORLD_SIZE > 1.

    The address and the numbers are those that torchrun gives: MASTER_ADDR, MASTER_PORT, RANK, WORLD_SIZE.
    gloo on CPUs, NCCL where there is a GPU, of which each rank takes the one of its LOCAL_RANK. Without
    torchrun rank 0 listens at the address given, and nowhere else.

    Raises:
        InputError: a number that is none or out of range, an address that is not known or not this machine's.
        RunStopped: the others are not there in time.
    """
    given = os.environ if environment is None else environment
    size = world_size(given)
    if size == 1:
        return ALONE
    if not dist.is_available():
        raise InputError(f"WORLD_SIZE = {size} in the environment, but this PyTorch has no torch.distributed")
    rank = _integer(given, "RANK", 0, size - 1)
    store = _store(given, rank, size)
    backend = "gloo"
    if torch.cuda.is_available():
        torch.cuda.set_device(_integer(given, "LOCAL_RANK", 0, torch.cuda.device_count() - 1))
        backend = "cpu:gloo,cuda:nccl"
    try:
        store.set(f"rank {rank}", "")
        store.wait([f"rank {i}" for i in range(size)], CONNECT)
        dist.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=PATIENCE)
        orders = dist.new_group(backend="gloo", timeout=_IDLE if rank else PATIENCE)
    except RuntimeError as error:
        raise RunStopped(f"the {size} ranks were not all there within {CONNECT.seconds} s") from error
    return Ranks(rank, size, orders)


def world_size(environment: Mapping[str, str]) -> int:
    """Return WORLD_SIZE, 1 where it is not set.

    Raises:
        InputError: it is not an integer ≥ 1.
    """
    return _integer(environment, "WORLD_SIZE", 1, 2**16) if "WORLD_SIZE" in environment else 1


def _integer(given: Mapping[str, str], name: str, low: int, high: int) -> int:
    text = given.get(name, "")
    if not (text.isascii() and text.isdigit() and len(text) < 10 and low <= int(text) <= high):
        shown = f"{name} = {text!r}" if name in given else f"{name} is not set"
        raise InputError(
            f"{shown} in the environment, but must be an integer from {low} to {high} (torchrun sets it)"
        )
    return int(text)


def _store(given: Mapping[str, str], rank: int, size: int) -> Any:
    """Return the store at which the ranks meet."""
    address, port = given.get("MASTER_ADDR", ""), _integer(given, "MASTER_PORT", 1, 2**16 - 1)
    try:
        family, *_, found = socket.getaddrinfo(address or "?", port, type=socket.SOCK_STREAM)[0]
    except OSError:
        raise InputError(
            f"MASTER_ADDR = {address!r} in the environment, but must be the address of rank 0's machine"
        ) from None
    if given.get("LOCAL_WORLD_SIZE") == str(size) or found[0] == "::1" or str(found[0]).startswith("127."):
        # all on this machine; gloo asks for the name of an interface, and would take that of the host's name
        names = [name for _, name in socket.if_nameindex() if name.startswith("lo")]
        os.environ.setdefault("GLOO_SOCKET_IFNAME", names[0] if names else "lo")
    agent = given.get("TORCHELASTIC_USE_AGENT_STORE") == "True"
    try:
        listening = None if rank or agent else _listening(family, found)
        store = dist.TCPStore(  # type: ignore[attr-defined]
            *(address, port, size, listening is not None, CONNECT),
            wait_for_workers=False,
            master_listen_fd=listening,
        )
    except (RuntimeError, OSError) as error:
        if isinstance(error, OSError):
            raise InputError(
                f"cannot listen at MASTER_ADDR, MASTER_PORT = {address}, {port}: {error}"
            ) from None
        raise RunStopped(
            f"nobody is at {address}:{port} (MASTER_ADDR, MASTER_PORT) after {CONNECT.seconds} s"
        ) from error
    return dist.PrefixStore(  # type: ignore[attr-defined]
        f"feature-collapse/{given.get('TORCHELASTIC_RESTART_COUNT', '0')}", store
    )


def _listening(family: int, address: Any) -> int:
    """Return the descriptor of a socket that listens at an address, and only there; the store closes it."""
    with closing(socket.socket(family, socket.SOCK_STREAM)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen()
        return listener.detach()
