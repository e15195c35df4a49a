"""Linked: kernels that other kernels call by their address, without taking their code into their own.

Numba gives a kernel a copy of the code of every kernel it calls, and optimizes it again. For small ones
that is what makes them fast; at the joints of the engine it would mean to compile all of combat once more
for everything that may begin one. What is linked is compiled once, and the parts of the engine can be
compiled side by side (`spire.warm`).

Compiled code that calls a linked kernel reads its address from a cell of its own, known by name. While a
cell is empty, the call has it filled first.
"""

from __future__ import annotations

import _thread
import ctypes
import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

import llvmlite.binding as llvm  # type: ignore[import-untyped]
import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing.templates import make_callable_template, signature

from spire.compiled import kernel
from spire.state import GAME

Function = TypeVar("Function", bound=Callable[..., Any])

FLOATS = types.float32[::1]
FLAGS = types.boolean[::1]
NUMBER, WORD = types.int64, types.uint64
"""Types of arguments."""

_CONFIG: Any = numba.config
_FIND = "spire.find"
_WORD = ir.IntType(64)
_GAME = numba.from_dtype(GAME)


class Link:
    """A linked kernel: its name, the types it is compiled for, and the cell that holds its address."""

    def __init__(self, function: Any, argument_types: tuple[Any, ...], returns: Any) -> None:
        self.name = f"{function.__module__}:{function.__qualname__}"
        self.types = argument_types
        self.returns = returns
        self.kernel = kernel(function)
        self.compile = self.kernel.compile
        self.cell = np.zeros(1, dtype=np.int64)
        llvm.add_symbol(self.symbol, self.cell.ctypes.data)

    @property
    def symbol(self) -> str:
        """What compiled code knows the cell by."""
        return f"spire.link.{self.name}"

    def fill(self) -> None:
        """Compile the kernel, or load it, and put its address into the cell."""
        self.compile(self.types)
        compiled = self.kernel.overloads[self.types]
        if compiled.signature.return_type != self.returns:
            raise TypeError(
                f"{self.name} returns {compiled.signature.return_type}, not {self.returns}"
            )
        self.cell[0] = compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name)


LINKS: dict[str, Link] = {}
"""All that is linked, by its name (`module:function`), as far as it is imported."""


def prepare() -> None:
    """Compile in good time what is linked so far, before the first of it is called."""
    _prepare(len(LINKS))


@functools.cache
def _prepare(_count: int) -> None:
    from spire.warm import warm_up  # noqa: PLC0415 -- it imports this module

    warm_up()


def linked(*others: Any) -> Callable[[Function], Function]:
    """Return a decorator like `spire.compiled.kernel`, for a kernel that is called by its address.

    It takes a game, and returns nothing or (as its annotation tells) an integer. `others` are the Numba types
    of its other arguments; without them they are integers.
    """

    def decorate(function: Function) -> Function:
        if _CONFIG.DISABLE_JIT:
            return kernel(function)
        parameters = inspect.signature(function)
        behind = others or (NUMBER,) * (len(parameters.parameters) - 1)
        returns = types.none if parameters.return_annotation in ("None", None) else NUMBER
        link = Link(function, (_GAME, *behind), returns)
        LINKS[link.name] = link
        _teach(link, parameters)
        made: Function = link.kernel
        return made

    return decorate


def _teach(link: Link, parameters: inspect.Signature) -> None:
    """Have Numba write a call by address where another kernel calls this one."""

    def implementation(context: Any, builder: Any, called: Any, arguments: Any) -> Any:
        return _write_call(context, builder, link.symbol, called, arguments)

    def compile_prepared(types_or_signature: Any) -> Any:
        prepare()
        return link.compile(types_or_signature)

    called = signature(link.returns, *link.types)
    template = make_callable_template(link.symbol, lambda *_: called)
    dispatcher: Any = link.kernel
    dispatcher.targetctx.insert_func_defn(
        [(implementation, link.symbol, (types.VarArg(types.Any),))]
    )
    dispatcher.get_call_template = lambda args, kws: (template, parameters, args, kws)
    dispatcher.get_overload = lambda _: link.symbol
    dispatcher.compile = compile_prepared


@ctypes.CFUNCTYPE(None, ctypes.c_int64)
def _find(address: int) -> None:
    """Fill the cell at an address; compiled code calls this where it finds the cell empty."""
    try:
        prepare()
        for link in LINKS.values():
            if link.cell.ctypes.data == address:
                link.fill()
    except KeyboardInterrupt:
        # It cannot be raised through compiled code, which fails by itself where the cell stays empty.
        _thread.interrupt_main()


llvm.add_symbol(_FIND, ctypes.cast(_find, ctypes.c_void_p).value)


def _write_call(context: Any, builder: Any, symbol: str, called: Any, arguments: Any) -> Any:
    module = builder.module
    cell = module.globals.get(symbol) or cgutils.add_global_variable(module, _WORD, symbol)
    with cgutils.if_unlikely(builder, _is_empty(builder, cell)):
        finder = ir.FunctionType(ir.VoidType(), [_WORD])
        find = cgutils.get_or_insert_function(module, finder, _FIND)
        builder.call(find, [builder.ptrtoint(cell, _WORD)])
        with cgutils.if_unlikely(builder, _is_empty(builder, cell)):
            context.call_conv.return_user_exc(builder, RuntimeError, (f"no {symbol}",))
    convention = context.call_conv
    form = convention.get_function_type(called.return_type, called.args)
    function = builder.inttoptr(builder.load(cell), form.as_pointer())
    status, result = convention.call_function(
        builder, function, called.return_type, called.args, arguments
    )
    with cgutils.if_unlikely(builder, status.is_error):
        convention.return_status_propagate(builder, status)
    return result if called.return_type == NUMBER else context.get_dummy_value()


def _is_empty(builder: Any, cell: Any) -> Any:
    return builder.icmp_unsigned("==", builder.load(cell), _WORD(0))
