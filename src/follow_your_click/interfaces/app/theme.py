"""How the page looks: system fonts and local colours only, so that no request leaves the machine."""

from __future__ import annotations

import gradio as gr

from follow_your_click.interfaces.app.overlay import COLOURS
from follow_your_click.interfaces.app.state import Editor

CSS = """
.gradio-container { max-width: 1680px !important; padding: 0 !important; --most-height: 620px; }
.gradio-container .main { padding: 12px 24px !important; }
footer { display: none !important; }
#title { margin: 0 0 2px; }
#title h1 { font-size: 1.25rem; margin: 0; }
#title p { margin: 0; opacity: .75; }
#photo, #result { padding: 0 !important; }
#regions .wrap { gap: 6px; }
#regions label { padding: 5px 10px; }
#regions label::before {
  content: ""; width: 12px; height: 12px; border-radius: 50%; background: var(--chip, #888);
  box-shadow: 0 0 0 1px rgba(255, 255, 255, .7); flex: none;
}
#regions input { position: absolute; opacity: 0; width: 0; }
#regions label.selected { border-color: var(--chip); box-shadow: inset 0 0 0 1px var(--chip); }
#regions label.selected span { font-weight: 600; }
#regions label:focus-within { outline: 2px solid var(--color-accent); }
#chips { display: none; }
#reading { padding: 0 10px 6px !important; min-height: 1.9em; background: var(--block-background-fill); }
#reading span { font-size: .8rem; opacity: .75; }
#ideas { gap: 5px; flex-wrap: wrap; }
#ideas button { flex: 0 0 auto; min-width: 0; width: auto; padding: 3px 9px; font-weight: 400; }
#region-buttons button { min-width: 0; }
#animate, #cancel { min-width: 0; }
#animate { font-size: 1.05rem; }
@media (max-width: 900px) {
  .gradio-container .main { padding: 8px !important; }
  #desk > .column, #desk > div { flex: 1 1 100% !important; min-width: 0 !important; }
  #result-column { order: 3; }
}
"""


def theme() -> gr.themes.Base:
    """Gradio's plain theme in system fonts; light and dark follow the browser."""
    return gr.themes.Default(
        primary_hue="orange",
        neutral_hue="slate",
        spacing_size="sm",
        font=["system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"],
        font_mono=["ui-monospace", "SFMono-Regular", "Consolas", "monospace"],
    )


def chips(editor: Editor) -> str:
    """A style sheet that gives each region in the list the colour of its mask; numbers only, no user text."""
    rules = [
        f"#regions label:nth-of-type({place}) {{ --chip: rgb{COLOURS[draft.colour]}; }}"
        for place, draft in enumerate(editor.drafts, start=1)
    ]
    return f"<style>{' '.join(rules)}</style>"
