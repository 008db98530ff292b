// The page of flux web. Events of the server are the only source of what is shown; all
// text goes into the page as text. State is bounded: the rows of the list that the server
// sends, 4096 bars, 300 lines.
'use strict';

const $ = (s) => document.querySelector(s);
const BARS_MAX = 4096, LINES_MAX = 300, ROW = 33, LIMIT = 500;
const view = { path: '', state: 'running', queue: '', text: '', span: 300 };
const data = {};
let source = null, action = '', skew = 0, selected = null;

function reset() {
  Object.assign(data, { info: null, stats: null, nodes: null, queues: null, overlay: null,
    order: [], rows: new Map(), bars: new Map(), layout: null });
  $('#log').replaceChildren();
}

const now = () => Date.now() / 1000 + skew;

// ---- small helpers ----

function el(tag, props = {}, ...children) {
  const { cls, attrs, on, ...rest } = props;
  const e = Object.assign(document.createElement(tag), rest);
  if (cls) e.className = cls;
  for (const k in attrs) e.setAttribute(k, attrs[k]);
  for (const k in on) e.addEventListener(k, on[k]);
  e.append(...children.filter((c) => c != null));
  return e;
}

function duration(s) {
  s = Math.max(s, 0);
  if (s < 10) return s.toFixed(1) + ' s';
  if (s < 60) return Math.floor(s) + ' s';
  if (s < 3600) return Math.floor(s / 60) + ' min ' + Math.floor(s % 60) + ' s';
  if (s < 86400) return Math.floor(s / 3600) + ' h ' + Math.floor(s / 60) % 60 + ' min';
  return Math.floor(s / 86400) + ' d ' + Math.floor(s / 3600) % 24 + ' h';
}

const clock = (t) => new Date(t * 1000).toLocaleTimeString([], { hour12: false });
const number = (n) => Number(n).toLocaleString();

// "0-3,7" to [[0,3],[7,7]], as far as a page can need.
function ranges(text) {
  const out = [];
  for (const part of String(text).replace(/[[\]]/g, '').split(',').slice(0, 4096)) {
    const m = /^(\d{1,9})(?:-(\d{1,9}))?$/.exec(part);
    if (m) out.push([Number(m[1]), Number(m[2] ?? m[1])]);
  }
  return out;
}

// Names get the colors of a palette in the order in which they are seen.
const PALETTE = {
  light: ['#3b6fc4', '#c77a1c', '#2a8f80', '#8d5cb8', '#c4527e', '#6f8f2a', '#2f93bd', '#b8533a', '#5a63c9', '#94742e'],
  dark: ['#6f9df0', '#e3a455', '#55bfae', '#b78ce0', '#e682a6', '#a3c25a', '#62bde0', '#e88a70', '#9097f0', '#c9a75c'],
};
const dark = matchMedia('(prefers-color-scheme: dark)');
const colors = new Map();
function color(name) {
  if (!colors.has(name)) {
    if (colors.size > 5000) colors.clear();
    colors.set(name, colors.size % 10);
  }
  return PALETTE[dark.matches ? 'dark' : 'light'][colors.get(name)];
}

const plural = (n, what) => `${number(n)} ${what}${n === 1 ? '' : 's'}`;

// "n[1-4]" stays, "vm,vm,vm" is one host.
function hosts(text) {
  const all = String(text).includes('[') ? [text] : [...new Set(String(text).split(','))];
  return all.length > 3 ? `${all[0]} … ${all.at(-1)}` : all.join(', ');
}

let toastTimer = 0;
function toast(text) {
  $('#toast').textContent = text;
  $('#toast').hidden = false;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => { $('#toast').hidden = true; }, 5000);
}

// Drawn once for all that comes before the next frame; an element that is not seen waits.
const dirty = new Set();
function redraw(f) {
  if (dirty.size === 0) requestAnimationFrame(() => {
    const all = [...dirty];
    dirty.clear();
    for (const g of all) g();
  });
  dirty.add(f);
}

// ---- the connection ----

function connect() {
  if (source) source.close();
  reset();
  for (const f of [drawPath, drawTiles, drawJobs, drawNodes, drawOverlay, drawQueues, drawTimeline])
    redraw(f);
  const q = new URLSearchParams({ path: view.path, state: view.state, queue: view.queue,
    text: view.text, limit: LIMIT });
  source = new EventSource('/api/events?' + q);
  const on = (name, f) => source.addEventListener(name, (e) => f(JSON.parse(e.data)));
  source.onerror = () => link(false, source.readyState === 2 ? 'not connected' : 'reconnecting');
  on('hello', (o) => { reset(); action = o.action; link(true, 'live'); });
  on('pulse', (o) => { skew = o.now - Date.now() / 1000; beat(); });
  on('info', (o) => {
    data.info = o;
    if (!view.chosen) setSpan([60, 300].find((n) => now() - o.start < n) ?? 300);
    redraw(drawPath);
  });
  on('stats', (o) => { data.stats = o; redraw(drawTiles); redraw(drawQueues); redraw(drawJobs); });
  on('nodes', (o) => { data.nodes = o; data.layout = null; redraw(drawTiles); redraw(drawNodes); redraw(drawTimeline); });
  on('queues', (o) => { data.queues = o; redraw(drawQueues); });
  on('overlay', (o) => { data.overlay = o; redraw(drawOverlay); });
  on('jobs', takeJobs);
  on('bars', takeBars);
  on('log', takeLog);
  on('lost', (o) => {
    source.close();
    link(false, 'ended');
    if (view.path) {
      toast('/' + view.path + ': ' + o.why);
      go(view.path.split('/').slice(0, -1).join('/'));
    } else toast(o.why);
  });
}

function link(live, text) {
  $('#link').classList.toggle('live', live);
  $('#link-text').textContent = text;
}

function beat() {
  const l = $('#link');
  l.classList.remove('beat');
  void l.offsetWidth;
  l.classList.add('beat');
}

async function post(what, body) {
  const r = await fetch('/api/' + what, { method: 'POST', body: JSON.stringify({ path: view.path, ...body }),
    headers: { 'Content-Type': 'application/json', 'X-Flux-Action': action } });
  const o = await r.json().catch(() => ({}));
  if (!r.ok) throw new Error(o.error || r.statusText);
  return o;
}

// ---- where we are ----

function go(path) { location.hash = '#/' + path; }

function fromHash() {
  const path = decodeURIComponent(location.hash.replace(/^#\/?/, ''));
  $('#details').close();
  view.path = path;
  view.queue = '';
  selected = null;
  $('#queue').value = '';
  connect();
}

function drawPath() {
  const ids = view.path ? view.path.split('/') : [];
  const i = data.info;
  const items = [el('a', { href: '#/', textContent: 'ƒ', title: 'The outermost instance', attrs: ids.length ? {} : { 'aria-current': 'page' } })];
  ids.forEach((id, n) => {
    items.push(el('span', { cls: 'sep', textContent: '/' }),
      el('a', { href: '#/' + ids.slice(0, n + 1).join('/'), textContent: id,
        attrs: n === ids.length - 1 ? { 'aria-current': 'page' } : {} }));
  });
  $('#path').replaceChildren(...items);
  document.title = (ids.length ? ids.at(-1) + ' · ' : '') + 'Flux' + (i ? ' on ' + hosts(i.host) : '');
  $('#facts').textContent = i
    ? `${hosts(i.host)} · ${plural(i.size, 'broker')}${i.depth ? ' · depth ' + i.depth : ''} · up ${duration(now() - i.start)} · ${i.version}`
    : '';
}

// ---- tiles ----

function counts(s) {
  const j = s.job_states ?? {};
  const inactive = j.inactive ?? 0;
  return { pending: (j.depend ?? 0) + (j.priority ?? 0) + (j.sched ?? 0),
    running: (j.run ?? 0) + (j.cleanup ?? 0), done: s.successful ?? 0,
    failed: inactive - (s.successful ?? 0), inactive };
}

function drawTiles() {
  const t = data.nodes?.total;
  for (const m of document.querySelectorAll('.meter')) {
    const [all, used, down] = t?.[m.dataset.kind] ?? [0, 0, 0];
    m.querySelector('.used').textContent = t ? number(used) : '–';
    m.querySelector('.of').textContent = t ? '/ ' + number(all) + (down ? ` · ${number(down)} off` : '') : '';
    m.querySelector('.fill').style.width = all ? 100 * used / all + '%' : '0';
    m.querySelector('.down').style.width = all ? 100 * down / all + '%' : '0';
    if (m.dataset.kind === 'gpus') m.hidden = !all;
  }
  const c = data.stats ? counts(data.stats) : null;
  for (const k of ['running', 'pending', 'done', 'failed']) {
    $('#n-' + k).textContent = c ? number(c[k]) : '–';
    $('#n-' + k).parentNode.classList.toggle('some', !!c && c[k] > 0);
  }
}

// ---- jobs: only rows that are seen exist ----

const STATES = { 2: 'depends', 4: 'priority', 8: 'waiting', 16: 'running', 32: 'cleanup' };
const RESULTS = { 1: ['CD', 'completed'], 2: ['F', 'failed'], 4: ['CA', 'canceled'], 8: ['TO', 'timeout'] };

function takeJobs(o) {
  for (const r of o.rows) data.rows.set(r.id, r);
  data.order = o.order;
  if (data.rows.size > 2 * o.order.length + 100) {
    const keep = new Set(o.order);
    for (const id of data.rows.keys()) if (!keep.has(id)) data.rows.delete(id);
  }
  redraw(drawJobs);
}

function status(j) {
  if (j.state === 64) return RESULTS[j.result] ?? ['', 'ended'];
  return [j.state === 16 || j.state === 32 ? 'R' : 'S', STATES[j.state] ?? ''];
}

function jobTime(j) {
  if (j.state === 64) return duration((j.t_cleanup ?? j.t_inactive) - (j.t_run ?? j.t_submit));
  return duration(now() - (j.t_run ?? j.t_submit));
}

function jobRow(j, top) {
  const [cls, text] = status(j);
  const cell = (c, ...kids) => el('span', { cls: c }, ...kids);
  const swatch = el('i', { cls: 'swatch' });
  swatch.style.background = j.t_run ? color(j.name ?? j.id) : 'transparent';
  swatch.style.opacity = j.state === 64 ? .5 : 1;
  const row = el('div', { cls: 'job', id: 'job-' + j.id, attrs: { role: 'option', 'aria-selected': j.id === selected } },
    cell('c-id', j.id),
    cell('c-name', swatch, j.name ?? '', j.instance && j.state !== 64
      ? el('button', { cls: 'enter', textContent: 'open ›', tabIndex: -1, title: 'Look into this instance',
          on: { click: (e) => { e.stopPropagation(); go((view.path ? view.path + '/' : '') + j.id); } } }) : null),
    cell('c-user', j.queue ?? ''), cell('c-st', el('span', { cls: 'chip ' + cls, textContent: text })),
    cell('c-n', j.nnodes > 0 ? String(j.nnodes) : ''), cell('c-n', j.ncores > 0 ? String(j.ncores) : ''),
    cell('c-time', jobTime(j)), cell('c-where', hosts(j.nodelist ?? '')));
  row.style.top = top + 'px';
  row.addEventListener('click', () => { select(j.id); openJob(j); });
  return row;
}

function drawJobs() {
  const box = $('#jobs'), n = data.order.length;
  const first = Math.max(0, Math.floor(box.scrollTop / ROW) - 4);
  const last = Math.min(n, first + Math.ceil(box.clientHeight / ROW) + 8);
  const spacer = $('#spacer');
  spacer.style.height = n * ROW + 'px';
  box.style.height = ROW * Math.min(Math.max(n, 6), innerWidth > 760 ? 16 : 12) + 1 + 'px';
  const rows = [];
  for (let i = first; i < last; i++) {
    const j = data.rows.get(data.order[i]);
    if (j) rows.push(jobRow(j, i * ROW));
  }
  if (n === 0 && data.stats)
    rows.push(el('p', { cls: 'empty', textContent: view.text ? 'No job has this name.'
      : { running: 'No job is running.', pending: 'No job is waiting.', failed: 'No job has failed.' }[view.state] ?? 'No job has ended.' }));
  box.replaceChildren(spacer, ...rows);
  if (selected && document.getElementById('job-' + selected)) box.setAttribute('aria-activedescendant', 'job-' + selected);
  else box.removeAttribute('aria-activedescendant');
  const c = data.stats ? counts(data.stats) : null;
  const total = c ? c[view.state] : n;
  $('#jobs-note').textContent = n >= LIMIT && total > n
    ? `The first ${number(n)} of ${number(total)}. Filter to see others.`
    : `${number(n)} ${n === 1 ? 'job' : 'jobs'}. ↑ ↓ select, Enter shows, O opens an instance, Backspace leaves it, / filters.`;
  for (const b of document.querySelectorAll('#states button, #tiles button'))
    b.setAttribute('aria-pressed', b.dataset.state === view.state);
}

function select(id) {
  selected = id;
  const i = data.order.indexOf(id), box = $('#jobs');
  if (i >= 0) {
    if (i * ROW < box.scrollTop) box.scrollTop = i * ROW;
    if ((i + 1) * ROW > box.scrollTop + box.clientHeight) box.scrollTop = (i + 1) * ROW - box.clientHeight;
  }
  redraw(drawJobs);
  redraw(drawTimeline);
}

function show(state) {
  if (view.state === state) return;
  view.state = state;
  selected = null;
  $('#jobs').scrollTop = 0;
  connect();
}

// ---- details ----

function fact(list, name, value) {
  if (value !== undefined && value !== null && value !== '') list.append(el('dt', { textContent: name }), el('dd', { textContent: value }));
}

function mayTouch(j) { return data.info && (data.info.owner || data.info.userid === j.userid); }

function openJob(j) {
  const body = $('#details-body'), dl = el('dl');
  $('#details-title').textContent = `${j.name ?? ''}  ${j.id}`;
  fact(dl, 'State', status(j)[1] + (j.exception_type ? ` (${j.exception_type})` : ''));
  fact(dl, 'Resources', [plural(j.ntasks ?? 0, 'task'), j.ncores > 0 && plural(j.ncores, 'core'), j.nnodes > 0 && plural(j.nnodes, 'node')].filter(Boolean).join(', '));
  fact(dl, 'Where', hosts(j.nodelist ?? ''));
  fact(dl, 'Queue', j.queue);
  fact(dl, 'Submitted', new Date(j.t_submit * 1000).toLocaleString());
  fact(dl, j.state === 64 ? 'Ran' : j.t_run ? 'Running for' : 'Waiting for', jobTime(j));
  const actions = el('div', { cls: 'actions' });
  if (j.instance && j.state !== 64)
    actions.append(el('button', { cls: 'primary', id: 'open-instance', textContent: 'Open instance', on: { click: () => go((view.path ? view.path + '/' : '') + j.id) } }));
  if (j.state !== 64 && mayTouch(j)) {
    const b = el('button', { cls: 'danger', id: 'cancel', textContent: 'Cancel job' });
    b.addEventListener('click', async () => {
      if (!b.dataset.sure) {
        b.dataset.sure = '1';
        b.textContent = 'Really cancel it?';
        return;
      }
      b.disabled = true;
      try {
        await post('cancel', { id: j.id });
        $('#details').close();
        toast(j.id + ' is canceled');
      } catch (e) { toast(j.id + ': ' + e.message); b.disabled = false; }
    });
    actions.append(b);
  }
  const more = el('div');
  body.replaceChildren(dl, actions, more);
  $('#details').showModal();
  loadJob(j, more);
}

async function loadJob(j, more) {
  const r = await fetch('/api/job?' + new URLSearchParams({ path: view.path, id: j.id }));
  if (!r.ok) return;
  const o = await r.json();
  const list = el('ol', { cls: 'events' });
  let t0 = 0;
  for (const line of o.eventlog.trim().split('\n').slice(-200)) {
    const e = JSON.parse(line);
    t0 = t0 || e.timestamp;
    list.append(el('li', {}, el('span', { cls: 't', textContent: '+' + (e.timestamp - t0).toFixed(3) + ' s' }),
      el('span', { textContent: e.name }), el('span', { cls: 'ctx', textContent: e.context
        ? Object.entries(e.context).map(([k, v]) => k + '=' + (typeof v === 'string' ? v : JSON.stringify(v))).join('  ').slice(0, 400) : '' })));
  }
  let command = '';
  try { command = JSON.parse(o.jobspec).tasks[0].command.join(' '); } catch { /* shown without */ }
  more.replaceChildren(...(command ? [el('pre', { textContent: command.slice(0, 4000) })] : []), list);
}

// ---- nodes ----

function drawNodes() {
  const list = data.nodes?.nodes ?? [], box = $('#nodes');
  box.classList.toggle('many', list.length > 64);
  box.replaceChildren(...list.map((n) => {
    const name = n.h + (n.z > n.r ? ' …' : '');
    const level = el('i');
    level.style.height = n.c ? 100 * n.u / n.c + '%' : '0';
    return el('button', { cls: 'node ' + n.s, attrs: { 'aria-label': `${name}, rank ${n.r}, ${n.u} of ${n.c} cores used${n.s === 'up' ? '' : ', ' + n.s}` },
      title: `${name}\nrank ${n.r}${n.z > n.r ? '-' + n.z : ''}: ${n.u} of ${n.c} cores used${n.s === 'up' ? '' : '\n' + n.s + (n.why ? ': ' + n.why : '')}`,
      on: { click: () => openNode(n) } }, level, el('b', { textContent: list.length > 1 ? 'r' + n.r : name }), el('span', { textContent: `${n.u}/${n.c}` }));
  }));
}

function openNode(n) {
  const dl = el('dl'), actions = el('div', { cls: 'actions' });
  const targets = n.z > n.r ? `${n.r}-${n.z}` : String(n.r);
  $('#details-title').textContent = n.h + ', rank ' + targets;
  fact(dl, 'State', { up: 'up', down: 'down', drain: 'drained', exclude: 'excluded' }[n.s]);
  fact(dl, 'Reason', n.why);
  fact(dl, 'Cores', `${n.u} of ${n.c} used`);
  if (n.g) fact(dl, 'GPUs', `${n.v} of ${n.g} used`);
  const act = async (what, body) => {
    try {
      await post(what, { targets, ...body });
      $('#details').close();
      toast(`rank ${targets}: ${what === 'drain' ? 'drained' : 'not drained any more'}`);
    } catch (e) { toast('rank ' + targets + ': ' + e.message); }
  };
  if (data.info?.owner && n.s === 'drain')
    actions.append(el('button', { cls: 'primary', id: 'undrain', textContent: 'Undrain', on: { click: () => act('undrain', {}) } }));
  else if (data.info?.owner) {
    const reason = el('input', { type: 'text', id: 'reason', placeholder: 'Reason', attrs: { 'aria-label': 'Reason' } });
    actions.append(reason, el('button', { cls: 'danger', id: 'drain', textContent: 'Drain: no more jobs here', on: { click: () => act('drain', reason.value ? { reason: reason.value } : {}) } }));
  }
  $('#details-body').replaceChildren(dl, actions);
  $('#details').showModal();
}

// ---- overlay ----

function flatten(tree, depth, out, parent) {
  const me = { rank: tree.rank, depth, parent, x: 0, leaf: !tree.children?.length };
  out.push(me);
  for (const c of tree.children ?? []) flatten(c, depth + 1, out, me);
  return out;
}

function drawOverlay() {
  const box = $('#overlay'), o = data.overlay;
  if (!o) { box.replaceChildren(); $('#overlay-text').textContent = ''; return; }
  const all = flatten(o.tree, 0, [], null), on = new Set();
  for (const [a, b] of ranges(o.online)) for (let i = a; i <= b && i < a + 100000; i++) on.add(i);
  $('#overlay-text').textContent = `${number(on.size)} of ${plural(all.length, 'broker')} online`;
  if (all.length > 64) { box.replaceChildren(); return; }
  const leaves = all.filter((n) => n.leaf);
  leaves.forEach((n, i) => { n.x = (i + 0.5) / leaves.length; });
  for (const n of [...all].reverse()) {
    if (n.leaf) continue;
    const kids = all.filter((c) => c.parent === n);
    n.x = (kids[0].x + kids.at(-1).x) / 2;
  }
  const levels = Math.max(...all.map((n) => n.depth)) + 1, w = 360, h = levels * 44;
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  const add = (tag, attrs, text) => {
    const e = document.createElementNS('http://www.w3.org/2000/svg', tag);
    for (const k in attrs) e.setAttribute(k, attrs[k]);
    if (text !== undefined) e.textContent = text;
    svg.append(e);
  };
  svg.setAttribute('viewBox', `0 0 ${w} ${h}`);
  svg.setAttribute('role', 'img');
  svg.setAttribute('aria-label', $('#overlay-text').textContent);
  const y = (n) => n.depth * 44 + 12;
  for (const n of all) if (n.parent) add('line', { x1: n.x * w, y1: y(n), x2: n.parent.x * w, y2: y(n.parent) });
  for (const n of all) {
    add('circle', { cx: n.x * w, cy: y(n), r: all.length > 24 ? 4 : 6, class: on.has(n.rank) ? '' : 'off' });
    if (all.length <= 24) add('text', { x: n.x * w, y: y(n) + 18 }, n.rank);
  }
  box.replaceChildren(svg);
}

// ---- queues ----

function drawQueues() {
  const list = Array.isArray(data.queues) ? data.queues : [];
  const mark = (ok) => el('td', { cls: ok ? 'yes' : 'no', textContent: ok ? '✓ open' : '✗ stopped' });
  $('#queues tbody').replaceChildren(...list.map((q) => {
    const s = q.name ? data.stats?.queues?.find((x) => x.name === q.name) ?? {} : data.stats ?? {};
    const c = counts(s);
    return el('tr', {}, el('td', { textContent: q.name ?? 'all jobs' }), mark(q.enable), mark(q.start),
      el('td', { cls: 'n', textContent: number(c.pending) }), el('td', { cls: 'n', textContent: number(c.running) }));
  }));
  const names = list.map((q) => q.name).filter(Boolean), sel = $('#queue');
  sel.hidden = names.length === 0;
  if (sel.dataset.names !== names.join('\n')) {
    sel.dataset.names = names.join('\n');
    sel.replaceChildren(el('option', { value: '', textContent: 'All queues' }), ...names.map((n) => el('option', { value: n, textContent: n })));
    sel.value = view.queue;
  }
}

// ---- log ----

const SEVERITIES = ['err', 'err', 'err', 'err', 'warning', 'notice', 'info', 'debug'];

function takeLog(lines) {
  const box = $('#log'), atEnd = box.scrollTop + box.clientHeight > box.scrollHeight - 30;
  for (const line of lines) {
    const m = /^<(\d+)>1 (\S+) (\S+) (\S+) \S+ \S+ (?:-|\[.*?\]) ?([^]*)$/.exec(line);
    const [sev, t, app, text] = m ? [SEVERITIES[m[1] & 7], new Date(m[2]).toLocaleTimeString([], { hour12: false }), `${m[4]}[${m[3]}]`, m[5]] : ['info', '', '', line];
    box.append(el('li', { cls: 'sev-' + sev }, el('time', { textContent: t }), el('span', { cls: 'app', textContent: app }), el('span', { cls: 'text', textContent: text })));
  }
  while (box.childElementCount > LINES_MAX) box.firstElementChild.remove();
  if (atEnd) box.scrollTop = box.scrollHeight;
}

// ---- timeline ----

function takeBars(list) {
  for (const b of list) {
    const old = data.bars.get(b.id);
    data.bars.delete(b.id);
    data.bars.set(b.id, { ...b, spans: old?.spans, layout: old?.layout });
  }
  for (const id of data.bars.keys()) {
    if (data.bars.size <= BARS_MAX) break;
    data.bars.delete(id);
  }
  redraw(drawTimeline);
}

// Each node has as many units of height as it has cores.
function getLayout() {
  if (data.layout || !data.nodes) return data.layout;
  const l = { total: 0, nodes: [] };
  for (const n of data.nodes.nodes) {
    l.nodes.push({ ...n, base: l.total });
    l.total += n.c;
  }
  data.layout = l;
  return l;
}

function nodeOf(l, rank) {
  let a = 0, b = l.nodes.length - 1;
  while (a < b) {
    const m = (a + b + 1) >> 1;
    if (l.nodes[m].r <= rank) a = m; else b = m - 1;
  }
  const n = l.nodes[a];
  return n && n.r <= rank && rank <= n.z ? n : null;
}

function spansOf(bar, l) {
  if (bar.spans && bar.layout === l) return bar.spans;
  const out = [];
  for (const e of Array.isArray(bar.r) ? bar.r : []) {
    const cores = e.children?.core ? ranges(e.children.core) : null;
    for (const [a, b] of ranges(e.rank)) {
      for (let rank = a; rank <= b && rank < a + 4096 && out.length < 4096; rank++) {
        const n = nodeOf(l, rank);
        if (!n) continue;
        const per = n.c / (n.z - n.r + 1), base = n.base + (rank - n.r) * per;
        for (const [f, t] of cores ?? [[0, per - 1]]) {
          const from = base + Math.min(f, per - 1), to = base + Math.min(t + 1, per), prev = out.at(-1);
          if (prev && prev[1] === from) prev[1] = to; else out.push([from, to]);
        }
      }
    }
  }
  bar.spans = out;
  bar.layout = l;
  return out;
}

const plot = { left: 46, bottom: 22, top: 4, hits: [] };

function drawTimeline() {
  const canvas = $('#timeline'), ratio = devicePixelRatio || 1;
  const w = canvas.clientWidth, h = canvas.clientHeight, l = getLayout();
  if (canvas.width !== Math.round(w * ratio) || canvas.height !== Math.round(h * ratio)) {
    canvas.width = Math.round(w * ratio);
    canvas.height = Math.round(h * ratio);
  }
  const g = canvas.getContext('2d'), css = getComputedStyle(document.documentElement);
  const c = (n) => css.getPropertyValue(n).trim();
  g.setTransform(ratio, 0, 0, ratio, 0, 0);
  g.clearRect(0, 0, w, h);
  const t1 = now(), t0 = t1 - view.span, H = h - plot.bottom - plot.top, W = w - plot.left;
  const x = (t) => plot.left + W * (t - t0) / view.span;
  g.font = '11px system-ui, sans-serif';
  g.fillStyle = c('--dim');
  g.strokeStyle = c('--line');
  g.lineWidth = 1;
  const step = [10, 30, 60, 300, 600, 1800].find((s) => view.span / s * 74 <= W) ?? 3600;
  for (let t = Math.ceil(t0 / step) * step; t <= t1; t += step) {
    g.beginPath();
    g.moveTo(Math.round(x(t)) + .5, plot.top);
    g.lineTo(Math.round(x(t)) + .5, plot.top + H);
    g.stroke();
    g.textAlign = x(t) > w - 26 ? 'right' : 'center';
    g.fillText(clock(t).slice(0, step < 60 ? 8 : 5), Math.min(x(t), w), h - 6);
  }
  plot.hits = [];
  if (!l?.total) return;
  const unit = H / l.total, y = (u) => plot.top + u * unit;
  const gap = unit >= 7 ? 1.5 : unit >= 4 ? 1 : 0;
  const labels = Math.ceil(14 / Math.max(unit * l.nodes[0].c, .01));
  g.textAlign = 'right';
  l.nodes.forEach((n, i) => {
    if (i > 0 && unit * n.c >= 6) {
      g.beginPath();
      g.moveTo(plot.left, Math.round(y(n.base)) + .5);
      g.lineTo(w, Math.round(y(n.base)) + .5);
      g.stroke();
    }
    if (i % labels === 0) g.fillText('r' + n.r, plot.left - 8, y(n.base) + Math.min(unit * n.c / 2 + 4, 12));
  });
  for (const bar of data.bars.values()) {
    const end = bar.b || t1;
    if (end < t0) continue;
    const a = Math.max(x(bar.a), plot.left), b = Math.max(x(end), a + 1);
    const ended = bar.b > 0 && bar.id !== selected;
    g.fillStyle = color(bar.n ?? bar.id);
    g.globalAlpha = ended ? .42 : 1;
    for (const [from, to] of spansOf(bar, l)) {
      const top = y(from) + gap / 2, height = Math.max((to - from) * unit - gap, 1);
      g.beginPath();
      if (b - a > 6 && height > 6) g.roundRect(a, top, b - a, height, 3); else g.rect(a, top, b - a, height);
      g.fill();
      g.globalAlpha = 1;
      if (bar.id === selected) { g.strokeStyle = c('--ink'); g.lineWidth = 1.5; g.stroke(); g.lineWidth = 1; }
      plot.hits.push([a, b, top, top + height, bar]);
      if (b - a > 60 && height > 13) {
        g.save();
        g.clip();
        g.fillStyle = ended ? c('--ink') : dark.matches ? '#10131a' : '#ffffff';
        g.textAlign = 'left';
        g.fillText(bar.n ?? bar.id, a + 7, top + height / 2 + 4);
        g.restore();
      }
      g.fillStyle = color(bar.n ?? bar.id);
      g.globalAlpha = ended ? .42 : 1;
    }
    g.globalAlpha = 1;
  }
  canvas.dataset.bars = plot.hits.length;
}

function hit(e) {
  const r = $('#timeline').getBoundingClientRect(), px = e.clientX - r.left, py = e.clientY - r.top;
  return plot.hits.findLast(([a, b, c, d]) => px >= a - 2 && px <= b + 2 && py >= c && py <= d)?.[4];
}

function timelineHover(e) {
  const bar = hit(e), tip = $('#tip');
  tip.hidden = !bar;
  $('#timeline').style.cursor = bar ? 'pointer' : '';
  if (!bar) return;
  tip.textContent = `${bar.n ?? ''}  ${bar.id}\n${clock(bar.a)} – ${bar.b ? clock(bar.b) : 'now'}, ${duration((bar.b || now()) - bar.a)}`;
  tip.style.left = Math.min(e.clientX + 14, innerWidth - tip.offsetWidth - 8) + 'px';
  tip.style.top = Math.min(e.clientY + 16, innerHeight - tip.offsetHeight - 8) + 'px';
}

// ---- what people do ----

function setSpan(span) {
  view.span = span;
  for (const b of $('#spans').children) b.setAttribute('aria-pressed', Number(b.dataset.span) === span);
  redraw(drawTimeline);
}

function keys(e) {
  if (e.ctrlKey || e.metaKey || e.altKey || $('#details').open) return;
  const typing = e.target.matches('input, select, textarea');
  if (e.key === '/' && !typing) { e.preventDefault(); $('#filter').focus(); return; }
  if (e.key === 'Escape' && e.target === $('#filter')) { $('#filter').value = ''; setFilter(); $('#jobs').focus(); return; }
  if (typing) return;
  if (e.key === 'Backspace' && view.path) { e.preventDefault(); go(view.path.split('/').slice(0, -1).join('/')); return; }
  if (!$('#jobs').contains(document.activeElement)) return;
  const n = data.order.length, i = data.order.indexOf(selected);
  const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -n, End: n }[e.key];
  if (step !== undefined && n > 0) {
    e.preventDefault();
    select(data.order[Math.min(n - 1, Math.max(0, i < 0 ? (step > 0 ? 0 : n - 1) : i + step))]);
  }
  const j = data.rows.get(selected);
  if (e.key === 'Enter' && j) { e.preventDefault(); openJob(j); }
  if (e.key.toLowerCase() === 'o' && j?.instance && j.state !== 64) go((view.path ? view.path + '/' : '') + j.id);
}

let filterTimer = 0;
function setFilter() {
  clearTimeout(filterTimer);
  filterTimer = setTimeout(() => {
    const text = $('#filter').value.trim();
    const wild = text && !/[*?:]/.test(text) ? `*${text}*` : text;
    if (wild === view.text || /^user:\s*$/.test(text)) return;
    view.text = wild;
    connect();
  }, 200);
}

function tick() {
  if (document.hidden) return;
  redraw(drawPath);
  redraw(drawTimeline);
  if (data.order.length > 0 && (view.state === 'running' || view.state === 'pending')) redraw(drawJobs);
}

$('#states').addEventListener('click', (e) => e.target.dataset.state && show(e.target.dataset.state));
for (const b of document.querySelectorAll('#tiles button')) b.addEventListener('click', () => show(b.dataset.state));
$('#spans').addEventListener('click', (e) => {
  if (!e.target.dataset.span) return;
  view.chosen = true;
  setSpan(Number(e.target.dataset.span));
});
$('#jobs').addEventListener('scroll', () => redraw(drawJobs), { passive: true });
$('#filter').addEventListener('input', setFilter);
$('#queue').addEventListener('change', () => { view.queue = $('#queue').value; connect(); });
$('#timeline').addEventListener('pointermove', timelineHover);
$('#timeline').addEventListener('pointerleave', () => { $('#tip').hidden = true; });
$('#timeline').addEventListener('click', (e) => {
  const bar = hit(e);
  if (!bar) return;
  select(bar.id);
  const j = data.rows.get(bar.id);
  if (j) openJob(j);
});
document.addEventListener('keydown', keys);
addEventListener('hashchange', fromHash);
new ResizeObserver(() => { redraw(drawTimeline); redraw(drawJobs); }).observe($('main'));
dark.addEventListener('change', () => { redraw(drawTimeline); redraw(drawJobs); });
setInterval(tick, 1000);
fromHash();
