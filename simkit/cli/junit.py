"""JUnit XML, as CI systems read it: a suite a file, a case a check."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple
from xml.etree import ElementTree

if TYPE_CHECKING:
    from simkit.cli.check import Item


class Suite(NamedTuple):
    """What was found in one file."""

    name: str
    items: "tuple[Item, ...]"
    elapsed_s: float


def junit_xml(suites: Sequence[Suite]) -> str:
    """The document. Failed and undecided are failures; a warning passes, with its text as output."""
    root = ElementTree.Element("testsuites", name="simkit check")
    for suite in suites:
        node = ElementTree.SubElement(root, "testsuite", name=suite.name, time=f"{suite.elapsed_s:.3f}")
        broken = [item for item in suite.items if item.outcome in ("fail", "undecided")]
        node.set("tests", str(len(suite.items)))
        node.set("failures", str(len(broken)))
        node.set("errors", "0")
        for item in suite.items:
            case = ElementTree.SubElement(node, "testcase", classname=f"{suite.name}.{item.group}", name=item.name)
            if item in broken:
                failure = ElementTree.SubElement(case, "failure", message=f"{item.outcome}: {item.name}")
                failure.text = item.detail
            elif item.detail:
                ElementTree.SubElement(case, "system-out").text = item.detail
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"
