"""What is looked for in an open page: faults of accessibility, and what does not fit a small screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Page


def violations(page: Page, axe: str) -> list[str]:
    """What axe finds against WCAG 2.2 AA and its own best practices."""
    broken: list[dict[str, Any]] = page.evaluate(
        f"() => {{ {axe}; return axe.run(document, {{ resultTypes: ['violations'] }}).then((r) => r.violations); }}"
    )
    return [
        f"{rule['id']}: {rule['help']}: {node['html'][:200]} ({node['failureSummary'][:300]})"
        for rule in broken
        for node in rule["nodes"][:3]
    ]


def too_wide(page: Page) -> list[str]:
    """What makes the page scroll sideways: the elements that end beyond its right edge, where it does."""
    wide: list[str] = page.evaluate(
        """() => document.documentElement.scrollWidth <= window.innerWidth ? [] : [
          `${document.documentElement.scrollWidth} px`,
          ...[...document.querySelectorAll("body *")]
            .filter((each) => each.getBoundingClientRect().right > window.innerWidth + 1)
            .filter((each) => each.closest(".table-scroll") === null)
            .slice(0, 5).map((each) => each.outerHTML.slice(0, 120))]"""
    )
    return wide


def cut(page: Page) -> list[str]:
    """Cells of tables and buttons of controls whose text goes over what is beside them."""
    over: list[str] = page.evaluate(
        """() => [...document.querySelectorAll("td, th, .segmented span")]
          .filter((each) => each.checkVisibility() && each.scrollWidth > each.clientWidth + 1)
          .map((each) => each.outerHTML.slice(0, 120))"""
    )
    return over


def collisions(page: Page) -> list[str]:
    """Texts of a chart's axes that stand over one another."""
    over: list[str] = page.evaluate(
        """() => [...document.querySelectorAll("svg")].flatMap((chart) => {
          const texts = [...chart.querySelectorAll("text.axis")]
            .map((each) => [each.textContent, each.getBoundingClientRect()]);
          return texts.flatMap(([text, a], index) => texts.slice(index + 1)
            .filter(([, b]) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1
              && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 6)
            .map(([other]) => `${text} / ${other}`));
        })"""
    )
    return over


def split_controls(page: Page) -> list[str]:
    """Controls whose buttons do not all stand in one row."""
    split: list[str] = page.evaluate(
        """() => [...document.querySelectorAll(".segmented")]
          .filter((each) => new Set([...each.querySelectorAll("label")].map((label) => label.offsetTop)).size > 1)
          .map((each) => each.textContent)"""
    )
    return split
