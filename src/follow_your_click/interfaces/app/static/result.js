// The clips of a visitor: in the making, playing, and those before; body of gr.HTML's `js_on_load`.
//
// Given by the page: element, props, trigger(event, data), watch(prop, callback).
// props.value, from Python (handlers.py `Handlers.clips_value`):
//   clips  [{id, title, width, height, photo, settings: [[name, value]]}], the newest first
//   batch  ids of the clips that were asked for last
// How a clip comes along is read from the REST API, which also has the files: see docs/api.md.
// Events to Python: end {} when nothing is in the making any more, retry {count}, edit {id}.

const SUFFIXES = { mp4: '.mp4', gif: '.gif', webp: '.webp', zip: '.zip', webm: '.webm' };
const ENDED = new Set(['done', 'failed', 'cancelled']);
const find = (selector) => element.querySelector(selector);
const all = (selector) => [...element.querySelectorAll(selector)];
const [result, tiles, controls, gallery] = ['.result', '.tiles', '.controls', '.gallery'].map(find);
const known = new Map(); // id -> {clip, snapshot, source}
let chosen = null, batch = [], playback = 'loop', comparing = false, divider = 50;

const api = (path) => new URL(`v1/clips/${path}`, document.baseURI).href;
const file = (id, format) => api(`${encodeURIComponent(id)}/file?format=${format}&playback=${playback}`);
const ready = (id) => known.get(id)?.snapshot.state === 'done';

function make(name, className, text) {
  const node = document.createElement(name);
  node.className = className;
  if (text !== undefined) node.textContent = text; // never as HTML: prompts are a visitor's words
  return node;
}

// ---- how far a clip is

function follow(entry) {
  entry.source = new EventSource(api(`${encodeURIComponent(entry.clip.id)}/events`));
  entry.source.addEventListener('message', (event) => heard(entry, JSON.parse(event.data)));
  entry.source.addEventListener('error', () => {
    // The browser reconnects by itself unless the server said no.
    if (entry.source.readyState !== EventSource.CLOSED || ENDED.has(entry.snapshot.state)) return;
    heard(entry, { ...entry.snapshot, state: 'failed', error: 'The server does not know this clip any more.' });
  });
}

function heard(entry, snapshot) {
  const before = entry.snapshot.state;
  entry.snapshot = { ...snapshot, preview: snapshot.preview || entry.snapshot.preview };
  if (ENDED.has(snapshot.state)) {
    entry.source.close();
    if (!batch.some((id) => known.has(id) && !ENDED.has(known.get(id).snapshot.state))) trigger('end', {});
  }
  if (snapshot.state !== before && ENDED.has(snapshot.state)) draw();
  else update(entry);
}

function stop(id) {
  fetch(api(encodeURIComponent(id)), { method: 'DELETE' });
}

function waitingWords(snapshot) {
  if (snapshot.state === 'queued') {
    return snapshot.position ? `Waiting: ${snapshot.position} before this one` : 'Waiting for its turn';
  }
  return snapshot.words || 'Starting';
}

function timeLeft(seconds) {
  if (seconds === null || seconds === undefined) return '';
  return seconds < 60 ? `about ${Math.max(1, Math.round(seconds))} s left` : `about ${Math.round(seconds / 60)} min left`;
}

// ---- tiles

function tile(id) {
  const entry = known.get(id), node = make('div', 'tile');
  node.dataset.id = id;
  node.style.aspectRatio = `${entry.clip.width} / ${entry.clip.height}`;
  if (entry.snapshot.state === 'done') fillDone(node, entry);
  else if (ENDED.has(entry.snapshot.state)) {
    node.classList.add('plain');
    node.append(make('p', 'why', entry.snapshot.error || 'Stopped.'));
  } else fillWorking(node, entry);
  return node;
}

function fillWorking(node, entry) {
  const still = make('img', 'still');
  still.src = entry.clip.photo;
  still.alt = '';
  const preview = make('img', 'preview');
  preview.alt = 'Preview';
  const panel = make('div', 'progress');
  const bar = make('progress', '');
  bar.max = 1;
  const cancel = make('button', 'cancel', 'Cancel');
  cancel.type = 'button';
  cancel.addEventListener('click', () => { cancel.disabled = true; cancel.textContent = 'Stopping ...'; stop(entry.clip.id); });
  panel.append(make('p', 'words'), bar, make('p', 'left'), cancel);
  node.append(still, preview, panel);
  updateWorking(node, entry.snapshot);
}

function updateWorking(node, snapshot) {
  const preview = node.querySelector('.preview');
  preview.hidden = !snapshot.preview;
  if (snapshot.preview && preview.getAttribute('src') !== snapshot.preview) preview.src = snapshot.preview;
  node.querySelector('.words').textContent = waitingWords(snapshot);
  node.querySelector('progress').value = snapshot.share || 0;
  node.querySelector('.left').textContent = timeLeft(snapshot.seconds_left);
}

function fillDone(node, entry) {
  const video = make('video', '');
  Object.assign(video, { autoplay: true, loop: true, muted: true, playsInline: true, src: file(entry.clip.id, 'mp4') });
  video.setAttribute('aria-label', entry.clip.title);
  video.addEventListener('error', () => {
    node.replaceChildren(make('p', 'why', 'This clip is not kept any more; go on from its settings and make it again.'));
  });
  node.append(video);
  for (const line of entry.snapshot.warnings || []) node.append(make('p', 'warning', line));
  if (chosen === entry.clip.id && comparing) addCompare(node, entry.clip);
  if (chosen !== entry.clip.id) {
    const pick = make('button', 'pick', 'Choose');
    pick.type = 'button';
    pick.addEventListener('click', () => choose(entry.clip.id));
    node.append(pick);
  }
}

function addCompare(node, clip) {
  const before = make('img', 'before');
  before.src = clip.photo;
  before.alt = 'The photo';
  const handle = make('span', 'handle');
  const slider = make('input', 'divider');
  Object.assign(slider, { type: 'range', min: 0, max: 100, step: 0.5, value: divider });
  slider.setAttribute('aria-label', 'Photo to the left, clip to the right');
  const slide = () => { divider = Number(slider.value); node.style.setProperty('--divider', `${divider}%`); };
  slider.addEventListener('input', slide);
  node.append(before, handle, slider);
  slide();
}

function update(entry) {
  const node = all('.tile').find((each) => each.dataset.id === entry.clip.id);
  if (node && node.querySelector('.progress')) updateWorking(node, entry.snapshot);
}

// ---- all of it

function choose(id) {
  chosen = id;
  draw();
}

function draw() {
  const shown = (chosen ? [chosen] : batch).filter((id) => known.has(id));
  if (shown.length === 1 && ready(shown[0])) chosen = shown[0];
  result.hidden = !shown.length;
  tiles.replaceChildren(...shown.map(tile));
  tiles.classList.toggle('several', shown.length > 1);
  controls.hidden = !chosen || !ready(chosen);
  const done = [...known.values()].filter((entry) => entry.snapshot.state === 'done');
  gallery.hidden = done.length < 2;
  gallery.replaceChildren(...done.map(thumbnail));
  if (!controls.hidden) drawControls(known.get(chosen).clip);
}

function thumbnail(entry) {
  const node = make('button', 'thumbnail');
  node.type = 'button';
  node.setAttribute('role', 'option');
  node.setAttribute('aria-selected', entry.clip.id === chosen);
  const video = make('video', '');
  Object.assign(video, { muted: true, loop: true, playsInline: true, preload: 'metadata', src: file(entry.clip.id, 'mp4') });
  node.addEventListener('mouseenter', () => video.play().catch(() => {}));
  node.addEventListener('mouseleave', () => video.pause());
  node.addEventListener('click', () => choose(entry.clip.id));
  node.append(video, make('span', 'title', entry.clip.title));
  return node;
}

function drawControls(clip) {
  const format = find('.format').value, link = find('.download');
  link.href = file(clip.id, format);
  const words = clip.title.toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-+|-+$/g, '') || 'clip';
  link.download = `${words.slice(0, 60)}${playback === 'loop' ? '' : '-ping-pong'}${SUFFIXES[format]}`;
  find('.compare').setAttribute('aria-pressed', comparing);
  all('[data-playback]').forEach((button) => button.setAttribute('aria-pressed', button.dataset.playback === playback));
  find('.settings dl').replaceChildren(...clip.settings.flatMap(([name, value]) => [make('dt', '', name), make('dd', '', value)]));
}

function show() {
  const value = props.value || { clips: [], batch: [] };
  const ids = new Set(value.clips.map((clip) => clip.id));
  for (const [id, entry] of known) {
    if (!ids.has(id)) { entry.source?.close(); known.delete(id); }
  }
  const before = new Map(known);
  known.clear();
  for (const clip of value.clips) {
    const entry = before.get(clip.id) || { clip, snapshot: { state: 'queued', share: 0 } };
    known.set(clip.id, entry);
    if (!entry.source) follow(entry);
  }
  const asked = JSON.stringify(value.batch);
  if (asked !== JSON.stringify(batch)) {
    batch = value.batch;
    chosen = null;
    requestAnimationFrame(() => {
      const box = element.getBoundingClientRect();
      if (box.top < 0 || box.top > window.innerHeight * 0.7) element.scrollIntoView({ behavior: 'smooth', block: 'start' });
    });
  }
  if (chosen && !known.has(chosen)) chosen = null;
  draw();
}

const on = (selector, type, call) => find(selector).addEventListener(type, call);
on('.compare', 'click', () => { comparing = !comparing; draw(); });
on('.format', 'change', () => drawControls(known.get(chosen).clip));
on('.again', 'click', () => trigger('retry', { count: 1 }));
on('.variations', 'click', () => trigger('retry', { count: 4 }));
on('.restore', 'click', () => trigger('edit', { id: chosen }));
all('[data-playback]').forEach((button) => button.addEventListener('click', () => { playback = button.dataset.playback; draw(); }));
watch('value', show);
show();
