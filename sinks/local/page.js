/* What a page can do with this script and does without: filter, remember, show local times. */
(function () {
	'use strict';
	var d = document, main = d.querySelector('main');
	var items = [].slice.call(d.querySelectorAll('[data-s]'));
	var boxes = [].slice.call(d.querySelectorAll('main section, main .suite, main .lines'));
	var slowest = d.getElementById('slowest');
	var tests = d.querySelectorAll('details.test');
	var want = {}, words = [], cause = '', opened = [], filtering = false, timer = 0;
	var tools, input, output, tiles, causes = d.querySelectorAll('.causes a');

	function make(tag, attributes, text) {
		var e = d.createElement(tag);
		for (var k in attributes)
			e.setAttribute(k, attributes[k]);
		if (text)
			e.textContent = text;
		return e;
	}

	function localTimes() {
		[].forEach.call(d.querySelectorAll('time'), function (t) {
			var at = new Date(t.getAttribute('datetime'));
			if (isNaN(at))
				return;
			t.title = t.textContent;
			t.textContent = at.toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' });
		});
	}

	/* All that a reader may look for: the test's texts, and the name of its suite. */
	function haystack(e) {
		if (e.hay === undefined) {
			var suite = e.closest('.suite');
			e.hay = (e.textContent + ' ' + (suite ? suite.querySelector('summary bdi').textContent : '')).toLowerCase();
		}
		return e.hay;
	}

	function wanted(e) {
		if (Object.keys(want).length && !want[e.getAttribute('data-s')])
			return false;
		if (cause && e.getAttribute('data-c') !== cause)
			return false;
		return words.every(function (w) { return haystack(e).indexOf(w) >= 0; });
	}

	function apply() {
		var was = filtering, shown = 0;
		filtering = words.length > 0 || cause !== '' || Object.keys(want).length > 0;
		items.forEach(function (e) {
			e.hidden = filtering && !wanted(e);
			if (!e.hidden)
				shown++;
		});
		boxes.forEach(function (b) {
			b.hidden = filtering && !b.querySelector('[data-s]:not([hidden])');
		});
		[].forEach.call(d.querySelectorAll('.suite > .note'), function (n) { n.hidden = filtering; });
		if (slowest)
			slowest.hidden = filtering;
		/* Suites with matches stand open while a filter is on, and as they were afterwards. */
		if (filtering && !was)
			opened = [].slice.call(d.querySelectorAll('.suite[open]'));
		[].forEach.call(d.querySelectorAll('.suite'), function (s) {
			if (filtering)
				s.open = !s.hidden && shown < 1000;
			else if (was)
				s.open = opened.indexOf(s) >= 0;
		});
		output.textContent = filtering ? (shown ? shown.toLocaleString() + ' shown' : 'nothing matches') : '';
		[].forEach.call(tiles, function (a) {
			a.setAttribute('aria-pressed', want[a.getAttribute('data-f')] ? 'true' : 'false');
		});
		[].forEach.call(causes, function (a) {
			a.setAttribute('aria-pressed', a.getAttribute('data-c') === cause ? 'true' : 'false');
		});
	}

	function remember() {
		var parts = [], f = Object.keys(want);
		if (f.length)
			parts.push('f=' + f.join(','));
		if (input.value)
			parts.push('q=' + encodeURIComponent(input.value));
		try {
			history.replaceState(null, '', parts.length ? '#' + parts.join('&') : location.pathname + location.search);
		} catch (e) { /* some browsers refuse this for files */ }
	}

	function recall() {
		location.hash.slice(1).split('&').forEach(function (p) {
			if (p.indexOf('f=') === 0)
				p.slice(2).split(',').forEach(function (f) { if (f) want[f] = true; });
			if (p.indexOf('q=') === 0) {
				try { input.value = decodeURIComponent(p.slice(2)); } catch (e) { /* a mangled link */ }
			}
		});
		words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
	}

	function toggle(ev) {
		var f = this.getAttribute('data-f');
		ev.preventDefault();
		if (want[f])
			delete want[f];
		else
			want[f] = true;
		apply();
		remember();
	}

	function toggleCause(ev) {
		var c = this.getAttribute('data-c');
		ev.preventDefault();
		cause = cause === c ? '' : c;
		apply();
	}

	/* A link to a test opens it, and takes away a filter that hides it. */
	function visit() {
		var e = /^#t[0-9a-f]+$/.test(location.hash) && d.getElementById(location.hash.slice(1));
		if (!e)
			return;
		if (e.hidden) {
			want = {};
			words = [];
			cause = '';
			input.value = '';
			apply();
		}
		e.open = true;
		e.scrollIntoView();
	}

	/* The index has no tiles of its own: one for each state that it shows. */
	function indexTiles() {
		var seen = {}, list = make('ul', { 'class': 'tiles' });
		items.forEach(function (e) {
			var s = e.getAttribute('data-s');
			seen[s] = (seen[s] || 0) + 1;
		});
		['failed', 'passed', 'running', 'none'].forEach(function (s) {
			if (!seen[s])
				return;
			var a = make('a', { 'class': s, href: '#runs', 'data-f': s });
			a.appendChild(make('b', {}, seen[s].toLocaleString()));
			a.appendChild(d.createTextNode(s === 'none' ? ' without a pass' : ' ' + s));
			list.appendChild(make('li', {})).appendChild(a);
		});
		if (list.children.length > 1)
			tools.parentNode.insertBefore(list, tools);
	}

	localTimes();
	if (items.length > 1) {
		tools = make('div', { 'class': 'tools', role: 'search' });
		input = make('input', { type: 'search', placeholder: 'Filter by name or text', 'aria-label': 'Filter by name or text' });
		output = make('output', { 'aria-live': 'polite' });
		tools.appendChild(input);
		tools.appendChild(output);
		main.parentNode.insertBefore(tools, main);
		if (d.querySelector('.runs'))
			indexTiles();
		if (tests.length > 1) {
			var all = make('button', { type: 'button' }, 'Open all');
			all.addEventListener('click', function () {
				var open = all.textContent === 'Open all';
				[].forEach.call(tests, function (t) { t.open = open; });
				all.textContent = open ? 'Close all' : 'Open all';
			});
			tools.appendChild(all);
		}
		tiles = d.querySelectorAll('.tiles a');
		[[tiles, toggle], [causes, toggleCause]].forEach(function (pair) {
			[].forEach.call(pair[0], function (a) {
				a.setAttribute('role', 'button');
				a.addEventListener('click', pair[1]);
				a.addEventListener('keydown', function (ev) { if (ev.key === ' ') pair[1].call(a, ev); });
			});
		});
		input.addEventListener('input', function () {
			clearTimeout(timer);
			timer = setTimeout(function () {
				words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
				apply();
				remember();
			}, 120);
		});
		d.addEventListener('keydown', function (ev) {
			if (ev.key === '/' && d.activeElement !== input && !ev.ctrlKey && !ev.metaKey && !ev.altKey) {
				ev.preventDefault();
				input.focus();
			} else if (ev.key === 'Escape' && d.activeElement === input) {
				input.value = '';
				words = [];
				apply();
				remember();
			}
		});
		recall();
		apply();
		addEventListener('hashchange', visit);
		visit();
	}
	addEventListener('beforeprint', function () {
		[].forEach.call(tests, function (t) { t.open = true; });
	});
	/* A page that is still being written is read anew while nobody is busy with it. */
	var live = Number(d.body.getAttribute('data-live'));
	if (live > 0)
		setInterval(function () {
			if (!filtering && !d.hidden && scrollY < 100 && (!input || !input.value))
				location.reload();
		}, live * 1000);
}());
