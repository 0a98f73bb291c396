"""The web page: click an object in a photo, say how it moves, watch the clip.

    state.py    what a visitor is working on; every change a pure function
    overlay.py  the shown picture, and the way from its pixels to the photo's
    jobs.py     progress, cancelling, warnings
    studio.py   the actions, through Animator
    page.py     the layout (gradio)
    events.py   which control calls which action (gradio)
    theme.py    colours, fonts, sizes
    server.py   from a model's name to a page that answers

gradio is an extra, imported by page.py, events.py, theme.py and inside server.py only.
"""
