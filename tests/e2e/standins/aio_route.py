# SPDX-License-Identifier: Apache-2.0
"""How an endpoint of the AIO stand-in is declared: method, path, query keys, kind of body."""

import re

PAGED = {"startAt", "maxResults"}
RTF = {"needDataInRTF"}


class Route:
    """path: parts beneath /project/{P}, {x} takes one; body: None, "form", or a kind of aio_rules.BODIES; whole:
    a document that is read, changed and written back."""

    def __init__(self, function, method, path, query, body, reads, whole):
        self.name, self.function, self.method = function.__name__, function, method
        self.parts = ["project", "{P}", *path.strip("/").split("/")]
        self.query, self.body = set(query), body
        self.whole = whole
        self.reads = method == "GET" if reads is None else reads

    def match(self, method, parts):
        """The values of the path's variables, or None."""
        if method != self.method or len(parts) != len(self.parts):
            return None
        args = []
        for mine, said in zip(self.parts, parts):
            if mine.startswith("{"):
                args.append(said)
            elif mine != said:
                return None
        return args


def router():
    """A list of routes, and the decorator that fills it.  Routes that name a word where others take a variable
    come first."""
    routes = []

    def route(method, path, query=(), body=None, reads=None, whole=False):
        assert re.fullmatch(r"(/[A-Za-z]+|/\{[A-Za-z]+\})+", path), path

        def register(function):
            routes.append(Route(function, method, path, query, body, reads, whole))
            return function
        return register
    return routes, route
