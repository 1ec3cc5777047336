// Zooms the power traces: drag over one to see a stretch of it, shift-drag to
// move, double-click for the whole, or the buttons below. Without this script
// they are figures of the whole.
for (const chart of document.querySelectorAll('svg.chart')) {
  const time = chart.querySelector('svg.time'), ticks = chart.querySelector('g.ticks');
  if (!time) continue;
  const svg = 'http://www.w3.org/2000/svg';
  const [left, top, width, height] = time.getAttribute('viewBox').split(' ').map(Number);
  const start = Number(time.dataset.from), end = Number(time.dataset.to), shortest = (end - start) / 200;
  const untouched = ticks.innerHTML;
  const hint = matchMedia('(pointer: fine)').matches ? 'drag over the trace to zoom in' : '';
  let from = start, to = end;

  // pixel is where a time is in the whole drawing, moment the reverse of it as
  // the drawing is shown now.
  const pixel = t => left + (t - start) / (end - start) * width;
  const moment = x => from + (x - left) / width * (to - from);
  const pointer = event => {
    const box = chart.getBoundingClientRect();
    return Math.min(left + width, Math.max(left, (event.clientX - box.left) / box.width * chart.viewBox.baseVal.width));
  };

  const add = (name, attributes, text) => {
    const e = document.createElementNS(svg, name);
    for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
    if (text) e.textContent = text;
    ticks.append(e);
  };
  const label = () => {
    const y = Number(ticks.dataset.y), raw = (to - from) / 10, power = 10 ** Math.floor(Math.log10(raw));
    const step = power * [1, 2, 5, 10].find(f => raw / power < f * 1.5), digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
    ticks.replaceChildren();
    for (let k = Math.ceil(from / step - 1e-9); k * step <= to + step * 1e-9; k++) {
      const x = left + (k * step - from) / (to - from) * width;
      add('line', { class: 'axis', x1: x, y1: y, x2: x, y2: y + 4 });
      add('text', { class: 'tick', x, y: y + 17, 'text-anchor': 'middle' }, (k * step).toFixed(digits));
    }
  };
  const show = (a, b) => {
    const span = Math.min(end - start, Math.max(shortest, b - a));
    from = Math.min(end - span, Math.max(start, (a + b - span) / 2));
    to = from + span;
    const whole = span > (end - start) * (1 - 1e-9);
    time.setAttribute('viewBox', `${pixel(from)} ${top} ${pixel(to) - pixel(from)} ${height}`);
    if (whole) ticks.innerHTML = untouched; else label();
    for (const name of chart.querySelectorAll('text[data-x]')) {
      const x = left + (Number(name.dataset.x) - pixel(from)) / (pixel(to) - pixel(from)) * width;
      name.setAttribute('x', x + 3);
      name.style.display = x < left - 1 || x + name.getComputedTextLength() > left + width ? 'none' : '';
    }
    for (const b of bar.querySelectorAll('[data-zoomed]')) b.disabled = whole;
    said.textContent = whole ? hint : `${from.toPrecision(4)} to ${to.toPrecision(4)} s`;
  };
  const scale = (by, at = (from + to) / 2) => show(at - (at - from) * by, at + (to - at) * by);
  const move = by => show(from + by * (to - from), to + by * (to - from));

  const bar = document.createElement('div'), said = document.createElement('output');
  bar.className = 'zoom';
  for (const [name, text, act, zoomed] of [
    ['zoom in', '+', () => scale(0.5)], ['zoom out', '−', () => scale(2), true],
    ['earlier', '←', () => move(-0.5), true], ['later', '→', () => move(0.5), true],
    ['show the whole', 'whole', () => show(start, end), true],
  ]) {
    const b = document.createElement('button');
    b.type = 'button';
    b.textContent = text;
    b.setAttribute('aria-label', name);
    if (zoomed) b.dataset.zoomed = '';
    b.addEventListener('click', act);
    bar.append(b);
  }
  bar.append(said);
  chart.closest('figure').append(bar);

  let mark = null, begun = 0, held = null;
  chart.addEventListener('pointerdown', event => {
    if (event.pointerType !== 'mouse' || event.button !== 0) return; // a finger scrolls
    event.preventDefault();
    begun = pointer(event);
    if (event.shiftKey) held = [from, to];
    else {
      mark = document.createElementNS(svg, 'rect');
      mark.setAttribute('class', 'mark');
      for (const [k, v] of Object.entries({ x: begun, y: top, width: 0, height })) mark.setAttribute(k, v);
      chart.append(mark);
    }
    chart.setPointerCapture?.(event.pointerId);
  });
  chart.addEventListener('pointermove', event => {
    const x = pointer(event);
    if (held) {
      const by = (begun - x) / width * (held[1] - held[0]);
      show(held[0] + by, held[1] + by);
    } else if (mark) {
      mark.setAttribute('x', Math.min(x, begun));
      mark.setAttribute('width', Math.abs(x - begun));
    }
  });
  const release = event => {
    const x = pointer(event);
    if (mark && event.type === 'pointerup' && Math.abs(x - begun) > 4) show(moment(Math.min(x, begun)), moment(Math.max(x, begun)));
    mark?.remove();
    mark = held = null;
  };
  chart.addEventListener('pointerup', release);
  chart.addEventListener('pointercancel', release);
  chart.addEventListener('dblclick', () => show(start, end));
  chart.addEventListener('wheel', event => { // with Ctrl, or a pinch; else the page scrolls
    if (!event.ctrlKey) return;
    event.preventDefault();
    scale(event.deltaY > 0 ? 1.25 : 0.8, moment(pointer(event)));
  }, { passive: false });
  show(start, end);
}
