"""How a model wants turns written: the signs around them, and what stands before and after them.

Known are ChatML (`<|im_start|>`) and Mistral's `[INST]`; which one a model wants is told by its
vocabulary or by the chat template that it carries.
"""

from __future__ import annotations

from dataclasses import dataclass

from models.reasoning.engine import Prompt


@dataclass(frozen=True, slots=True)
class Chat:
    """The signs of one style of turns."""

    name: str
    system_open: str
    system_close: str
    user_open: str
    user_close: str
    answer_open: str
    answer_close: str

    def prefix(self, prompt: Prompt) -> str:
        """Everything static, up to where the text of an incident goes."""
        turns = "".join(
            f"{self.user_open}{user}{self.user_close}{self.answer_open}{answer}{self.answer_close}"
            for user, answer in prompt.examples
        )
        return f"{self.system_open}{prompt.system}{self.system_close}{turns}{self.user_open}"

    def suffix(self, prompt: Prompt) -> str:
        """From the end of the incident's text to where the model goes on."""
        return f"{self.user_close}{self.answer_open}{prompt.answer_begins}"


CHATML = Chat(
    name="chatml",
    system_open="<|im_start|>system\n",
    system_close="<|im_end|>\n",
    user_open="<|im_start|>user\n",
    user_close="<|im_end|>\n",
    answer_open="<|im_start|>assistant\n",
    answer_close="<|im_end|>\n",
)
INST = Chat(
    name="inst",
    system_open="[INST] ",
    system_close=" [/INST] Understood.</s>",
    user_open="[INST] ",
    user_close=" [/INST]",
    answer_open=" ",
    answer_close="</s>",
)
"""Mistral's instruct models know no system turn: it is a first user's turn, and is answered."""


def style_of(signs: str) -> Chat:
    """The style that a chat template, or a list of special tokens, shows; `[INST]` if neither."""
    return CHATML if "<|im_start|>" in signs else INST
