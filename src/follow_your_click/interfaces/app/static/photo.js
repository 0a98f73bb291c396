// The photo on which a visitor clicks, draws and paints; body of gr.HTML's `js_on_load`.
//
// Given by the page: element, props, trigger(event, data), watch(prop, callback), upload(file).
// props.value, from Python (handlers.py `Handlers.photo_value`):
//   photo     {url, width, height} or null; width and height are the photo's own pixels
//   overlay   address of a picture with the masks, or null
//   areas     clicks [{x, y, positive}] and boxes [{x0, y0, x1, y1}] of the selected region
//   colour    of that region, as CSS; granularity: how much its clicks mean
//   max_bytes of an upload
// Events to Python: upload {path}, select (a gesture), apply {edit} or {granularity}, undo, clear.
// All coordinates that leave here are the photo's own pixels, whatever size it is shown at.

const CLICK_SLACK = 6; // CSS pixels: a hand that moves less between press and release has clicked
const LONG_PRESS = 550; // milliseconds: a finger that rests so long excludes
const MOST_POINTS = 3000; // of a stroke; Python refuses more than 4000
const ZOOMS = [1, 1.5, 2, 3, 4, 6, 8];
const find = (selector) => element.querySelector(selector);
const all = (selector) => [...element.querySelectorAll(selector)];
const [stage, empty, scroller, canvas] = ['.stage', '.empty', '.scroller', '.canvas'].map(find);
const [photo, overlay, strokes, marks] = ['.photo', '.overlay', '.strokes', '.marks'].map(find);
const [pointer, message, tools, size] = ['.pointer', '.message', '.tools', '.size input'].map(find);
const line = find('.strokes polyline');
let tool = 'add', zoom = 0, shown = null, draft = null, cursor = null, rested = -Infinity;

// ---- from the screen to the photo

function at(event) {
  // The rectangle is where the browser really draws the photo: display size, zoom and scrolling are in it.
  const box = photo.getBoundingClientRect();
  const x = (event.clientX - box.left) / box.width, y = (event.clientY - box.top) / box.height;
  const inside = (share, length) => Math.min(Math.max(share, 0), 1) * length;
  return [inside(x, shown.width), inside(y, shown.height)];
}

function radius() {
  return (Number(size.value) / 100) * Math.min(shown.width, shown.height);
}

function send(gesture) {
  say('');
  trigger('select', gesture);
}

// ---- what is shown

function say(words) {
  message.textContent = words;
  message.hidden = !words;
}

function fit() {
  if (!shown) return;
  const style = getComputedStyle(element);
  const most = parseFloat(style.getPropertyValue('--most-height')) || 560;
  const share = Math.min(window.innerHeight * 0.58, most);
  const width = Math.min(stage.clientWidth, (share * shown.width) / shown.height);
  const height = (width * shown.height) / shown.width;
  scroller.style.height = `${height}px`;
  scroller.style.width = `${zoom ? stage.clientWidth : width}px`;
  canvas.style.width = `${width * ZOOMS[zoom]}px`;
  canvas.style.height = `${height * ZOOMS[zoom]}px`;
}

function zoomTo(next, event) {
  if (!shown || next < 0 || next >= ZOOMS.length) return;
  const before = event ? at(event) : [shown.width / 2, shown.height / 2];
  const view = scroller.getBoundingClientRect();
  const [x, y] = event
    ? [event.clientX - view.left, event.clientY - view.top]
    : [view.width / 2, view.height / 2];
  zoom = next;
  fit();
  scroller.scrollLeft = (before[0] / shown.width) * canvas.offsetWidth - x;
  scroller.scrollTop = (before[1] / shown.height) * canvas.offsetHeight - y;
}

function place(node, x, y) {
  node.style.left = `${(100 * x) / shown.width}%`;
  node.style.top = `${(100 * y) / shown.height}%`;
  return node;
}

function mark(x, y, kind, waiting) {
  const node = document.createElement('span');
  node.className = `mark ${kind}${waiting ? ' waiting' : ''}`;
  node.textContent = kind === 'add' ? '+' : '−';
  marks.append(place(node, x, y));
}

function frame(box, waiting) {
  const node = document.createElement('span');
  node.className = `box${waiting ? ' waiting' : ''}`;
  place(node, Math.min(box.x0, box.x1), Math.min(box.y0, box.y1));
  node.style.width = `${(100 * Math.abs(box.x1 - box.x0)) / shown.width}%`;
  node.style.height = `${(100 * Math.abs(box.y1 - box.y0)) / shown.height}%`;
  marks.append(node);
  return node;
}

function drawStroke() {
  const painting = draft && draft.kind === 'stroke';
  line.setAttribute('points', painting ? draft.points.map((p) => p.join(',')).join(' ') : '');
  line.setAttribute('stroke-width', painting ? 2 * draft.radius : 0);
  strokes.classList.toggle('erasing', Boolean(painting && draft.erase));
}

function drawPointer() {
  // The brush's size, or the crosshair of the keyboard.
  const brush = (tool === 'brush' || tool === 'erase') && cursor;
  pointer.hidden = !brush && !(cursor && cursor.keys);
  if (pointer.hidden) return;
  place(pointer, cursor.x, cursor.y);
  pointer.classList.toggle('ring', Boolean(brush));
  const across = brush ? (2 * radius() * canvas.offsetWidth) / shown.width : 0;
  pointer.style.width = pointer.style.height = brush ? `${across}px` : '';
}

function show() {
  const value = props.value || {};
  const url = value.photo ? new URL(value.photo.url, document.baseURI).href : null;
  if (url && photo.src !== url) {
    photo.src = url;
    zoom = 0;
    cursor = null;
  }
  shown = value.photo || null;
  empty.hidden = Boolean(shown);
  scroller.hidden = tools.hidden = !shown;
  overlay.hidden = !value.overlay;
  if (value.overlay) overlay.src = value.overlay;
  element.style.setProperty('--region', value.colour || 'orange');
  marks.replaceChildren();
  draft = null;
  if (shown) {
    strokes.setAttribute('viewBox', `0 0 ${shown.width} ${shown.height}`);
    for (const area of value.areas || []) {
      if ('x0' in area) frame(area, false);
      // The middle of the pixel that was clicked.
      else mark(area.x + 0.5, area.y + 0.5, area.positive ? 'add' : 'exclude', false);
    }
    all('[data-granularity]').forEach((button) =>
      button.setAttribute('aria-pressed', button.dataset.granularity === (value.granularity || 'auto')));
    fit();
  }
  drawStroke();
  drawPointer();
  say('');
  element.dataset.answer = value.answer || 0;
}

function choose(next) {
  tool = next;
  all('[data-tool]').forEach((button) =>
    button.setAttribute('aria-pressed', button.dataset.tool === tool));
  find('.size').hidden = tool !== 'brush' && tool !== 'erase';
  canvas.dataset.cursor = tool;
  if (shown) drawPointer();
}

// ---- gestures

function click(x, y, positive) {
  mark(x, y, positive ? 'add' : 'exclude', true);
  send({ kind: 'click', x, y, positive });
}

function press(event) {
  if (!shown || event.button !== 0 || draft) return;
  const [x, y] = at(event);
  if (tool === 'brush' || tool === 'erase') {
    draft = { kind: 'stroke', points: [[x, y]], radius: radius(), erase: tool === 'erase' };
  } else {
    draft = { kind: tool === 'box' ? 'box' : 'click', x, y, left: event.clientX, top: event.clientY };
    if (tool === 'box') draft.node = frame({ x0: x, y0: y, x1: x, y1: y }, true);
  }
  draft.id = event.pointerId;
  // Not every phone tells of a long press by itself.
  if (draft.kind === 'click' && event.pointerType === 'touch') draft.timer = setTimeout(rest, LONG_PRESS, draft);
  if (draft.kind !== 'click') canvas.setPointerCapture(event.pointerId);
  drawStroke();
}

function move(event) {
  if (!shown) return;
  const [x, y] = at(event);
  cursor = { x, y, keys: false };
  drawPointer();
  if (!draft || draft.id !== event.pointerId) return;
  if (Math.hypot(event.clientX - draft.left, event.clientY - draft.top) > CLICK_SLACK) clearTimeout(draft.timer);
  if (draft.kind === 'box') {
    draft.node.remove();
    draft.node = frame({ x0: draft.x, y0: draft.y, x1: x, y1: y }, true);
  } else if (draft.kind === 'stroke') {
    const [lastX, lastY] = draft.points.at(-1);
    // A twelfth of the brush is finer than the eye; it keeps long strokes short.
    const far = Math.hypot(x - lastX, y - lastY) > Math.max(draft.radius / 12, 0.5);
    if (far && draft.points.length < MOST_POINTS) draft.points.push([x, y]);
    drawStroke();
  }
}

function release(event) {
  if (!draft || draft.id !== event.pointerId) return;
  const done = draft, [x, y] = at(event);
  clearTimeout(done.timer);
  draft = null;
  const moved = Math.hypot(event.clientX - done.left, event.clientY - done.top) > CLICK_SLACK;
  if (done.kind === 'stroke') {
    send({ kind: 'stroke', points: done.points, radius: done.radius, erase: done.erase });
  } else if (done.kind === 'click') {
    if (!moved) click(x, y, tool === 'add');
  } else if (moved) {
    send({ kind: 'box', x0: done.x, y0: done.y, x1: x, y1: y });
    choose('add');
  } else {
    done.node.remove();
    say('Press, and draw the box to its opposite corner.');
  }
}

function rest(pressed) {
  if (draft !== pressed) return;
  draft = null;
  rested = performance.now();
  click(pressed.x, pressed.y, false);
}

function abandon() {
  if (draft) clearTimeout(draft.timer);
  if (draft && draft.node) draft.node.remove();
  draft = null;
  drawStroke();
}

function exclude(event) {
  // Right click, or a long press on a phone.
  event.preventDefault();
  abandon();
  if (!shown || performance.now() - rested < 2 * LONG_PRESS) return; // that finger was heard already
  const [x, y] = at(event);
  click(x, y, false);
}

const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function key(event) {
  if (!shown) return;
  const undoing = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'z';
  if (undoing) {
    event.preventDefault();
    return trigger('undo', {});
  }
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const step = STEPS[event.key];
  const far = event.shiftKey ? 1 : Math.max(1, Math.min(shown.width, shown.height) / 40);
  cursor = cursor || { x: shown.width / 2, y: shown.height / 2 };
  if (step) {
    const inside = (value, length) => Math.min(Math.max(value, 0.5), length - 0.5);
    cursor = { x: inside(cursor.x + step[0] * far, shown.width), y: inside(cursor.y + step[1] * far, shown.height) };
  } else if (event.key === 'Enter' || event.key === ' ') act();
  else if (event.key.toLowerCase() === 'x') click(cursor.x, cursor.y, false);
  else if (event.key === 'Escape') abandon();
  else return;
  event.preventDefault();
  cursor.keys = true;
  drawPointer();
}

function act() {
  // Enter does at the crosshair what a click of the mouse would do with this tool.
  const { x, y } = cursor;
  if (tool === 'brush' || tool === 'erase') {
    send({ kind: 'stroke', points: [[x, y]], radius: radius(), erase: tool === 'erase' });
  } else if (tool !== 'box') click(x, y, tool === 'add');
  else if (!draft) draft = { kind: 'box', x, y, node: frame({ x0: x, y0: y, x1: x, y1: y }, true) };
  else {
    const { x: x0, y: y0 } = draft;
    abandon();
    send({ kind: 'box', x0, y0, x1: x, y1: y });
    choose('add');
  }
}

// ---- photos in

async function take(file) {
  if (!file) return;
  const most = (props.value || {}).max_bytes;
  if (most && file.size > most) {
    return say(`This file has ${(file.size / 1e6).toFixed(1)} MB; up to ${(most / 1e6).toFixed(0)} MB can be taken.`);
  }
  say('Reading the photo ...');
  try {
    // A plain name: what a visitor calls a file is of no use to the server.
    const suffix = (/\.[A-Za-z0-9]{1,5}$/.exec(file.name || '') || ['.jpg'])[0];
    const sent = await upload(new File([file], `upload${suffix}`, { type: file.type }));
    if (!sent || !sent.path) throw new Error('refused');
    trigger('upload', { path: sent.path });
  } catch (error) {
    say('The file did not arrive: it may be too large, or the server is gone.');
  }
}

const fileIn = (transfer) => [...(transfer ? transfer.files : [])][0];
const typing = () => /^(input|textarea|select)$/i.test(document.activeElement?.tagName || '');

function paste(event) {
  if (!element.isConnected) return document.removeEventListener('paste', paste);
  const file = fileIn(event.clipboardData);
  if (file && !(typing() && event.clipboardData.types.includes('text/plain'))) take(file);
}

async function camera() {
  // A phone has an app for it; elsewhere the browser shows what the camera sees.
  if (matchMedia('(pointer: coarse)').matches) return find('.phone-camera').click();
  const view = find('.viewfinder'), video = find('.viewfinder video');
  try {
    video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 1920 } } });
  } catch (error) {
    return say('There is no camera that this page may use.');
  }
  view.showModal();
}

function closeCamera() {
  const video = find('.viewfinder video');
  (video.srcObject ? video.srcObject.getTracks() : []).forEach((track) => track.stop());
  video.srcObject = null;
  find('.viewfinder').close();
}

function snap() {
  const video = find('.viewfinder video');
  const still = document.createElement('canvas');
  still.width = video.videoWidth;
  still.height = video.videoHeight;
  still.getContext('2d').drawImage(video, 0, 0);
  closeCamera();
  still.toBlob((blob) => take(new File([blob], 'camera.jpg', { type: 'image/jpeg' })), 'image/jpeg', 0.95);
}

// ---- wiring

const on = (target, type, call, options) => target.addEventListener(type, call, options);
on(canvas, 'pointerdown', press);
on(canvas, 'pointermove', move);
on(canvas, 'pointerup', release);
on(canvas, 'pointercancel', abandon);
on(canvas, 'pointerleave', () => { cursor = cursor && cursor.keys ? cursor : null; if (shown) drawPointer(); });
on(canvas, 'contextmenu', exclude);
on(canvas, 'keydown', key);
on(scroller, 'wheel', (event) => {
  if (!event.ctrlKey) return;
  event.preventDefault();
  zoomTo(zoom + (event.deltaY < 0 ? 1 : -1), event);
}, { passive: false });
on(size, 'input', drawPointer);
all('[data-tool]').forEach((button) => on(button, 'click', () => choose(button.dataset.tool)));
all('[data-edit]').forEach((button) => on(button, 'click', () => trigger('apply', { edit: button.dataset.edit })));
all('[data-granularity]').forEach((button) =>
  on(button, 'click', () => trigger('apply', { granularity: button.dataset.granularity })));
on(find('.undo'), 'click', () => trigger('undo', {}));
on(find('.clear'), 'click', () => trigger('clear', {}));
on(find('.zoom-in'), 'click', () => zoomTo(zoom + 1));
on(find('.zoom-out'), 'click', () => zoomTo(zoom - 1));
all('.choose').forEach((button) => on(button, 'click', () => find('.file').click()));
all('.camera').forEach((button) => on(button, 'click', camera));
on(find('.snap'), 'click', snap);
on(find('.close'), 'click', closeCamera);
on(find('.viewfinder'), 'cancel', closeCamera);
for (const input of [find('.file'), find('.phone-camera')]) {
  on(input, 'change', () => { take(input.files[0]); input.value = ''; });
}
on(document, 'paste', paste);
// A file that misses the photo must not take the browser away from the page.
on(window, 'dragover', (event) => { event.preventDefault(); stage.classList.add('dropping'); });
on(window, 'dragleave', (event) => { if (!event.relatedTarget) stage.classList.remove('dropping'); });
on(window, 'drop', (event) => {
  event.preventDefault();
  stage.classList.remove('dropping');
  take(fileIn(event.dataTransfer));
});
new ResizeObserver(fit).observe(stage);
on(window, 'resize', fit);
watch('value', show);
choose('add');
show();
