"""Any text survives being written as a Tcl word, in a value and in a definition."""

from __future__ import annotations

import pytest

hypothesis = pytest.importorskip("hypothesis")
import nukesim  # noqa: E402
from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from nukesim import tcl_words  # noqa: E402

NASTY_LETTERS = st.one_of(st.sampled_from('{}[]$"\\ \n\t\r;#a1.é'), st.characters(max_codepoint=0xD7FF, min_codepoint=1))
NASTY = st.text(alphabet=NASTY_LETTERS, max_size=40)


@settings(max_examples=40, deadline=None)
@given(texts=st.lists(NASTY, min_size=1, max_size=8))
def test_any_text_is_one_word_and_comes_back(texts):
    with nukesim.start() as host:
        words = [tcl_words.quote(text) for text in texts]
        assert [tcl_words.word_value(host, word) for word in words] == texts
        assert host._split(" ".join(words)) == texts  # the same words as a list, which is how addUserKnob is read
        assert tcl_words.commands(" ".join(words)) == [words]
        assert tcl_words.balanced("{" + " ".join(words) + "}")


@settings(max_examples=25, deadline=None)
@given(text=NASTY, number=st.floats(-1e6, 1e6, width=32))
def test_knobs_with_any_text_survive_a_file(text, number):
    with nukesim.start() as host:
        import nuke

        node = nuke.createNode("NoOp")
        node.addKnob(nuke.String_Knob("a", text, ""))
        node["a"].setValue(text)
        node.addKnob(nuke.PyScript_Knob("b", "b", text))
        node.addKnob(nuke.Double_Knob("c"))
        node["c"].setValue(number)
        saved = host.script_text()
        nuke.scriptClear()
        nuke.scriptReadText(saved.split("}\n", 1)[1])
        node = host.node("NoOp1")
        assert (node["a"].value(), node["a"].label(), node["b"].command()) == (text, text, text)
        assert node["c"].value() == pytest.approx(number, rel=1e-6, abs=1e-6)
