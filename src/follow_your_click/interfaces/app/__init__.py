"""The web page: click an object in a photo, say how it moves, watch the clip.

    state.py     what a visitor is working on; every change a pure function
    gestures.py  what a hand did on the photo, as the browser tells it
    photos.py    open photos, on disk
    overlay.py   the masks that are laid over the photo
    studio.py    the actions
    handlers.py  which control does which of them; fields.py: what its fields hold (gradio)
    page.py      the layout, events.py its wiring, theme.py its looks (gradio)
    static/      the photo that is drawn on, and the clips: two components of our own
    programs.py  endpoints for gradio's client and for agents (gradio)
    server.py    page and API under one address

gradio is an extra; importing this package alone does not need it.
"""
