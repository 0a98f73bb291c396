"""Custom nodes for ComfyUI: link this folder into ComfyUI/custom_nodes. See docs/comfyui.md.

nodes.py     the nodes
host.py      what ComfyUI itself offers: folders, progress, interrupting; none of it needed in tests
web/         the point picker in the Click to Region node
example_workflows/   a graph to start from
"""

from follow_your_click.interfaces.comfyui.nodes import (
    NODE_CLASS_MAPPINGS,
    NODE_DISPLAY_NAME_MAPPINGS,
)

WEB_DIRECTORY = "./web"

__all__ = ["NODE_CLASS_MAPPINGS", "NODE_DISPLAY_NAME_MAPPINGS", "WEB_DIRECTORY"]
