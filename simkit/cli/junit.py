"""JUnit XML, as CI systems read it: a suite a file, a case a check."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple
from xml.etree import ElementTree

if TYPE_CHECKING:
    from simkit.study.gate import Item


class Suite(NamedTuple):
    """What was found in one file."""

    name: str
    items: "tuple[Item, ...]"
    elapsed_s: float
    error: str = ""
    """Why nothing could be looked at: the file is wrong."""


def junit_xml(suites: Sequence[Suite], allow_undecided: bool = False) -> str:
    """The document. Failed and undecided are failures; a warning passes, with its text as output.

    What is undecided and allowed to be is skipped. A file that is wrong is an error.
    """
    bad = ("fail",) if allow_undecided else ("fail", "undecided")
    root = ElementTree.Element("testsuites", name="simkit check")
    for suite in suites:
        node = ElementTree.SubElement(root, "testsuite", name=suite.name, time=f"{suite.elapsed_s:.3f}")
        broken = [item for item in suite.items if item.outcome in bad]
        node.set("tests", str(len(suite.items) + bool(suite.error)))
        node.set("failures", str(len(broken)))
        node.set("errors", str(int(bool(suite.error))))
        node.set("skipped", str(sum(one.outcome == "undecided" for one in suite.items) * allow_undecided))
        if suite.error:
            case = ElementTree.SubElement(node, "testcase", classname=suite.name, name="the file")
            ElementTree.SubElement(case, "error", message="bad input").text = suite.error
        for item in suite.items:
            case = ElementTree.SubElement(node, "testcase", classname=f"{suite.name}.{item.group}", name=item.name)
            if item in broken:
                failure = ElementTree.SubElement(case, "failure", message=f"{item.outcome}: {item.name}")
                failure.text = item.detail
            elif item.outcome == "undecided":
                ElementTree.SubElement(case, "skipped", message=f"undecided: {item.detail}")
            elif item.detail:
                ElementTree.SubElement(case, "system-out").text = item.detail
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"
