"""Kernels as parts of the entries that call them: numba optimises and translates each compiled function, with all that it calls, into
machine code of its own. Only an entry's is ever used. So a kernel stays what numba's front end has made of it, and an entry links all
that it reaches, each once, and has that optimised as a whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import SimpleNamespace
from typing import Any

from numba.core.codegen import CodeLibrary, JITCodeLibrary
from numba.core.compiler import Compiler
from numba.core.environment import lookup_environment

ENVIRONMENT_PREFIX = "_ZN08NumbaEnv"


class Part(JITCodeLibrary):  # type: ignore[misc]
    """A kernel's code. No pointer to it can be had."""

    _linking_libraries: list[CodeLibrary]

    @property
    def codegen(self) -> Any:
        """For numba, which sets the environment of a function as soon as it has made it; the entry does so here."""
        return SimpleNamespace(set_env=lambda name, environment: None)

    def finalize(self) -> None:
        self._raise_if_finalized()
        self._finalized = True

    def get_pointer_to_function(self, name: str) -> int:
        self._ensure_finalized()
        return 0

    def own_module(self) -> Any:
        """Without what it calls."""
        return super()._get_module_for_linking()

    def _get_module_for_linking(self) -> Any:
        """With all that it calls: for functions that somebody else compiles."""
        module = self.own_module().clone()
        _link(module, _reached(self._linking_libraries, {self}))
        return module


class Whole(JITCodeLibrary):  # type: ignore[misc]
    """An entry's code, with all that it reaches."""

    _linking_libraries: list[CodeLibrary]

    def finalize(self) -> None:
        reached = list(_reached(self._linking_libraries, set()))
        for library in reached:
            self._reload_init.update(library._reload_init)
        own = {function.name for function in self._final_module.functions if not function.is_declaration}
        _link(self._final_module, reached)
        for function in self._final_module.functions:  # nobody else calls them from here: LLVM may change how they are called
            if not function.is_declaration and function.name not in own:
                function.linkage = "internal"
        self._linking_libraries = []
        super().finalize()


def _reached(libraries: Iterable[CodeLibrary], seen: set[CodeLibrary]) -> Iterator[CodeLibrary]:
    """All libraries that these need, each once."""
    for library in libraries:
        if library not in seen:
            seen.add(library)
            library._ensure_finalized()
            yield library
            if isinstance(library, Part):
                yield from _reached(library._linking_libraries, seen)


def _link(module: Any, libraries: Iterable[CodeLibrary]) -> None:
    for library in libraries:
        module.link_in(library.own_module() if isinstance(library, Part) else library._get_module_for_linking(), preserve=True)


class PartCompiler(Compiler):  # type: ignore[misc]
    """Compiles a kernel."""

    library_class: type[CodeLibrary] = Part

    def compile_extra(self, func: Any) -> Any:
        if self.state.library is None:
            self.state.library = self.library_class(self.state.targetctx.codegen(), func.__qualname__)
            self.state.library.enable_object_caching()
        return super().compile_extra(func)


class WholeCompiler(PartCompiler):
    """Compiles an entry."""

    library_class = Whole

    def compile_extra(self, func: Any) -> Any:
        compiled = super().compile_extra(func)
        for variable in compiled.library._final_module.global_variables:
            if variable.name.startswith(ENVIRONMENT_PREFIX) and (environment := lookup_environment(variable.name)) is not None:
                compiled.library.codegen.set_env(variable.name, environment)
        return compiled
