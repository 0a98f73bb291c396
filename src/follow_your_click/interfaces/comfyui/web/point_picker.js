// The point picker in the Click to Region node: what is clicked goes into the node's `points` text as JSON, in the
// image's own pixels, whatever the zoom of the graph and the size of the node.
//
// Left click: part of the object. Right click, or Shift and click: not part of it. Drag: a box around it.
// Click a mark: remove it. Keyboard: arrows move the crosshair, Enter adds, X excludes, Backspace takes back.

import { app } from "../../scripts/app.js";
import { api } from "../../scripts/api.js";

const NODE = "FYC_ClickToRegion";
const SLACK = 5; // CSS pixels: a hand that moves less has clicked
const REACH = 9; // CSS pixels: a click that near to a mark removes it
const STYLE = `
.fyc-picker { position: relative; width: 100%; height: 100%; min-height: 160px; display: flex; flex-direction: column; gap: 4px;
  font: 12px sans-serif; color: #ddd; }
.fyc-picker .stage { position: relative; flex: 1; min-height: 0; display: grid; place-items: center; background: #222; overflow: hidden; }
.fyc-picker .frame { position: relative; cursor: crosshair; touch-action: none; user-select: none; outline-offset: -2px; }
.fyc-picker .frame:focus-visible { outline: 2px solid #f60; }
.fyc-picker img { display: block; width: 100%; height: 100%; pointer-events: none; }
.fyc-picker .mask { position: absolute; inset: 0; opacity: .45; mix-blend-mode: screen; filter: sepia(1) saturate(8) hue-rotate(-20deg); }
.fyc-picker .mark { position: absolute; width: 14px; height: 14px; margin: -7px 0 0 -7px; border-radius: 50%; border: 2px solid #fff;
  box-sizing: border-box; background: #148c3c; pointer-events: none; }
.fyc-picker .mark.exclude { background: #c81e28; }
.fyc-picker .box { position: absolute; border: 2px solid #f60; box-sizing: border-box; pointer-events: none; }
.fyc-picker .cross { position: absolute; width: 16px; height: 16px; margin: -8px 0 0 -8px; pointer-events: none;
  background: linear-gradient(#fff, #fff) center / 100% 1px no-repeat, linear-gradient(#fff, #fff) center / 1px 100% no-repeat; }
.fyc-picker .bar { display: flex; gap: 4px; align-items: center; }
.fyc-picker button { font: inherit; }
.fyc-picker .said { flex: 1; text-align: right; opacity: .8; overflow: hidden; white-space: nowrap; text-overflow: ellipsis; }
`;

function make(name, className, parent, text) {
  const node = document.createElement(name);
  node.className = className;
  if (text) node.textContent = text;
  parent?.append(node);
  return node;
}

export class PointPicker {
  // `read()` and `write(text)`: the node's `points`.
  constructor({ read, write }) {
    this.read = read;
    this.write = write;
    this.root = make("div", "fyc-picker");
    make("style", "", this.root, STYLE);
    this.stage = make("div", "stage", this.root);
    this.frame = make("div", "frame", this.stage);
    this.frame.tabIndex = 0;
    this.frame.setAttribute("role", "application");
    this.frame.setAttribute("aria-label", "Arrow keys move the crosshair, Enter adds, X excludes, Backspace takes back");
    this.image = make("img", "image", this.frame);
    this.mask = make("img", "mask", this.frame);
    this.mask.hidden = true;
    this.marks = make("div", "marks", this.frame);
    const bar = make("div", "bar", this.root);
    const button = (text, call) => { const b = make("button", "", bar, text); b.type = "button"; b.onclick = call; };
    button("Undo", () => this.undo());
    button("Clear", () => this.change((picked) => { picked.clicks = []; picked.boxes = []; }));
    this.said = make("span", "said", bar, "Run once, or load an image, to see it here");
    this.cross = null;
    this.press = null;
    this.listen();
  }

  // ---- the picked points

  get size() {
    return [this.image.naturalWidth, this.image.naturalHeight];
  }

  get picked() {
    const [width, height] = this.size;
    try {
      const known = JSON.parse(this.read());
      // Points of another image mean nothing on this one.
      if (known.width === width && known.height === height) return { clicks: [], boxes: [], ...known };
    } catch { /* nothing picked yet */ }
    return { width, height, clicks: [], boxes: [] };
  }

  change(call) {
    if (!this.size[0]) return;
    const picked = this.picked;
    call(picked);
    this.write(picked.clicks.length || picked.boxes.length ? JSON.stringify(picked) : "");
    this.mask.hidden = true; // it belongs to the points before
    this.draw();
  }

  undo() {
    this.change((picked) => (picked.clicks.length ? picked.clicks.pop() : picked.boxes.pop()));
  }

  // ---- pictures

  showImage(url) {
    if (url && this.image.src !== url) this.image.src = url;
  }

  showMask(url) {
    this.mask.src = url;
    this.mask.hidden = false;
  }

  fit() {
    const [width, height] = this.size;
    if (!width) return;
    const room = [this.stage.clientWidth, this.stage.clientHeight];
    const scale = Math.min(room[0] / width, room[1] / height);
    this.frame.style.width = `${width * scale}px`;
    this.frame.style.height = `${height * scale}px`;
    this.draw();
  }

  draw() {
    const [width, height] = this.size;
    this.marks.replaceChildren();
    if (!width) return;
    const put = (className, x, y) => {
      const node = make("span", className, this.marks);
      node.style.left = `${(100 * x) / width}%`;
      node.style.top = `${(100 * y) / height}%`;
      return node;
    };
    const { clicks, boxes } = this.picked;
    for (const [x0, y0, x1, y1] of this.press?.box ? [...boxes, this.press.box] : boxes) {
      const node = put("box", x0, y0);
      node.style.width = `${(100 * (x1 - x0)) / width}%`;
      node.style.height = `${(100 * (y1 - y0)) / height}%`;
    }
    for (const [x, y, positive] of clicks) put(positive ? "mark" : "mark exclude", x + 0.5, y + 0.5);
    if (this.cross) put("cross", ...this.cross);
    this.said.textContent = `${width} x ${height}, ${clicks.length} points, ${boxes.length} boxes`;
  }

  // ---- hands

  at(event) {
    // What the browser really draws: the graph's zoom is in this rectangle.
    const area = this.frame.getBoundingClientRect(), [width, height] = this.size;
    const inside = (share, length) => Math.min(Math.max(share * length, 0), length - 1e-6);
    return [
      inside((event.clientX - area.left) / area.width, width),
      inside((event.clientY - area.top) / area.height, height),
      width / area.width,
    ];
  }

  click(x, y, positive, reach) {
    this.change((picked) => {
      const near = picked.clicks.findIndex(([a, b]) => Math.hypot(a + 0.5 - x, b + 0.5 - y) < reach);
      if (near >= 0) picked.clicks.splice(near, 1);
      else picked.clicks.push([Math.floor(x), Math.floor(y), positive]);
    });
  }

  listen() {
    const on = (target, type, call) => target.addEventListener(type, (event) => {
      event.stopPropagation(); // the graph must not pan, select or open its menu below
      call(event);
    });
    on(this.frame, "pointerdown", (event) => {
      if (!this.size[0] || event.button !== 0) return;
      this.frame.focus();
      this.frame.setPointerCapture(event.pointerId);
      this.press = { from: this.at(event), left: event.clientX, top: event.clientY, box: null };
    });
    on(this.frame, "pointermove", (event) => {
      if (!this.press) return;
      const far = Math.hypot(event.clientX - this.press.left, event.clientY - this.press.top) > SLACK;
      if (!far && !this.press.box) return;
      const [x0, y0] = this.press.from, [x1, y1] = this.at(event);
      this.press.box = [Math.min(x0, x1), Math.min(y0, y1), Math.max(x0, x1), Math.max(y0, y1)].map(Math.round);
      this.draw();
    });
    on(this.frame, "pointerup", (event) => {
      const press = this.press;
      this.press = null;
      if (!press) return;
      const [x, y, scale] = this.at(event);
      if (!press.box) this.click(x, y, !event.shiftKey, REACH * scale);
      else if (press.box[2] > press.box[0] && press.box[3] > press.box[1]) {
        this.change((picked) => { picked.boxes = [press.box]; }); // the segmenter takes one box
      } else this.draw();
    });
    on(this.frame, "contextmenu", (event) => {
      event.preventDefault();
      if (!this.size[0]) return;
      const [x, y, scale] = this.at(event);
      this.click(x, y, false, REACH * scale);
    });
    on(this.frame, "keydown", (event) => this.key(event));
    on(this.root, "wheel", () => {});
    this.image.addEventListener("load", () => this.fit());
    new ResizeObserver(() => this.fit()).observe(this.stage);
  }

  key(event) {
    const [width, height] = this.size;
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const step = steps[event.key], far = event.shiftKey ? 1 : Math.max(1, Math.min(width, height) / 40);
    this.cross = this.cross || [width / 2, height / 2];
    if (step) {
      const inside = (value, length) => Math.min(Math.max(value, 0), length - 1);
      this.cross = [inside(this.cross[0] + step[0] * far, width), inside(this.cross[1] + step[1] * far, height)];
      this.draw();
    } else if (event.key === "Enter") this.click(...this.cross, true, 1);
    else if (event.key.toLowerCase() === "x") this.click(...this.cross, false, 1);
    else if (event.key === "Backspace") this.undo();
    else return;
    event.preventDefault();
  }
}

function viewUrl({ filename, subfolder, type }) {
  const asked = new URLSearchParams({ filename, subfolder: subfolder || "", type: type || "temp" });
  return new URL(api.apiURL(`/view?${asked}`), document.baseURI).href;
}

function sourceImage(node) {
  // What the node before shows of itself: exact for Load Image, and replaced by the true image after a run.
  const slot = node.inputs?.findIndex((input) => input.name === "image") ?? -1;
  const origin = slot >= 0 ? node.getInputNode?.(slot) : null;
  return origin?.imgs?.[0]?.src;
}

function addPicker(node) {
  const points = node.widgets?.find((widget) => widget.name === "points");
  if (!points) return;
  points.hidden = true; // the picker is its face
  points.computeSize = () => [0, -4];
  const picker = new PointPicker({
    read: () => points.value || "",
    write: (text) => {
      points.value = text;
      node.setDirtyCanvas?.(true, true);
    },
  });
  node.fycPicker = picker;
  node.addDOMWidget("picker", "FYC_PICKER", picker.root, { serialize: false, hideOnZoom: false, getMinHeight: () => 260 });
  const look = () => { if (!node.fycRan) picker.showImage(sourceImage(node)); picker.draw(); };
  picker.root.addEventListener("pointerenter", look);
  const connected = node.onConnectionsChange;
  node.onConnectionsChange = function (...args) {
    connected?.apply(this, args);
    node.fycRan = false;
    setTimeout(look, 100); // the other node may still be loading its picture
  };
  const configured = node.onConfigure;
  node.onConfigure = function (...args) {
    configured?.apply(this, args);
    setTimeout(look, 500);
  };
  const executed = node.onExecuted;
  node.onExecuted = function (message) {
    executed?.apply(this, arguments);
    if (!message?.fyc_image) return;
    node.fycRan = true;
    picker.showImage(viewUrl(message.fyc_image[0]));
    if (message.fyc_mask) picker.showMask(viewUrl(message.fyc_mask[0]));
  };
  node.setSize?.([Math.max(node.size?.[0] || 0, 340), Math.max(node.size?.[1] || 0, 560)]);
}

app.registerExtension({
  name: "FollowYourClick.PointPicker",
  nodeCreated(node) {
    if (node.comfyClass === NODE) addPicker(node);
  },
});
