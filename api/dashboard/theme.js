// A classic script before anything is painted: a page in the wrong theme must not flash, at three in the morning least of all.
document.documentElement.setAttribute('data-theme', localStorage.getItem('tradewind-theme') ?? 'system')
