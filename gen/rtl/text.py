"""The words of an expression: sized constants, operators, brackets where they are needed."""

from __future__ import annotations

from typing import NamedTuple

PRIMARY, UNARY, PRODUCT, SUM, COMPARE, EQUAL, BITWISE, CHOICE = 9, 8, 7, 6, 5, 4, 3, 1  # precedence
PRINTED_DECIMAL = 32  # bits


class Text(NamedTuple):
    """An expression, how strongly it holds together, and whether Verilog takes it for a signed one."""

    text: str
    level: int = PRIMARY
    signed: bool = False

    def within(self, level: int) -> str:
        """In an expression of this precedence."""
        return self.text if self.level > level else f"({self.text})"


FALSE, TRUE = Text("1'b0"), Text("1'b1")


def literal(value: int, width: int, signed: bool = False) -> Text:
    """A sized constant: decimal where a human reads numbers, else hexadecimal."""
    value &= (1 << width) - 1
    if width == 1:
        return Text(f"1'b{value}")
    if signed:
        if value >> (width - 1) == 0:
            return Text(f"{width}'sd{value}", PRIMARY, True)
        if value != 1 << (width - 1):
            return Text(f"-{width}'sd{(1 << width) - value}", UNARY, True)
        return Text(f"{width}'sh{value:x}", PRIMARY, True)
    return Text(f"{width}'d{value}" if value < 1 << PRINTED_DECIMAL else f"{width}'h{value:x}")


def joined(texts: list[Text]) -> Text:
    """Side by side, the highest first."""
    flat = [part for text in texts for part in ([text.text[1:-1]] if is_joined(text.text) else [text.text])]
    return Text("{" + ", ".join(flat) + "}") if len(texts) > 1 else texts[0]


def is_joined(text: str) -> bool:
    return text.startswith("{") and not text.endswith("}}") and text.find("}") == len(text) - 1


def repeated(text: Text, count: int) -> Text:
    if text.text == "1'b0":
        return literal(0, count)
    return text if count == 1 else Text(f"{{{count}{{{text.text}}}}}")


def prefixed(operator: str, text: Text) -> Text:
    return Text(f"{operator}{text.within(UNARY)}", UNARY, text.signed)


def gate(operator: str, texts: list[Text]) -> Text:
    """``&``, ``|`` or ``^``, without bits that say nothing."""
    neutral, strong = {"&": (TRUE, FALSE), "|": (FALSE, TRUE), "^": (FALSE, None)}[operator]
    if strong in texts:
        return Text(strong.text)
    found = [text for text in texts if text != neutral] or [neutral]
    return infixed(operator, found, BITWISE) if len(found) > 1 else found[0]


def infixed(operator: str, texts: list[Text], level: int) -> Text:
    line = ""
    for text in texts:
        free = text.level == level and operators(text.text) == {operator} and (operator != "-" or not line)
        part = text.text if free else text.within(PRODUCT if level == BITWISE else level)
        if operator == "+" and line and part.startswith("-") and text.level == UNARY:
            line += f" - {part[1:]}"
        else:
            line += f" {operator} {part}" if line else part
    return Text(line, level, all(text.signed for text in texts))


def operators(text: str) -> set[str]:
    """The infix operators that stand outside of all brackets."""
    depth, found = 0, set[str]()
    for word in text.split(" "):
        if depth == 0 and not word[:1].isalnum() and len(word) == 1:
            found.add(word)
        depth += sum(map(word.count, "({[")) - sum(map(word.count, ")}]"))
    return found


def as_signed(text: Text) -> Text:
    return text if text.signed else Text(f"$signed({text.text})", PRIMARY, True)


def as_unsigned(text: Text) -> Text:
    """For a comparison of two such, that Verilog would else take for a signed one."""
    return Text(f"$unsigned({text.text})") if text.signed else text
