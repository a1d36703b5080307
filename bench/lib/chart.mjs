// @ts-check
// Charts as SVG: a row of panels with the same axes, so that runtimes can be compared by eye. Drawn by ECharts, without a browser.

import * as echarts from 'echarts'

/** @typedef {import('./chart.d.mts').Axis} Axis */

export const THEMES = /** @type {const} */ (['light', 'dark'])

// Okabe and Ito's colours, which people who see fewer of them can tell apart; the dark ones are lighter.
const LOOKS = {
  light: {
    text: '#1f2328',
    faint: '#59636e',
    line: '#d1d9e0',
    palette: ['#0072b2', '#6e7781', '#d55e00', '#009e73', '#cc79a7', '#8a6d00', '#56b4e9'],
  },
  dark: {
    text: '#f0f6fc',
    faint: '#9198a1',
    line: '#3d444d',
    palette: ['#56b4e9', '#aab2bd', '#ff9248', '#2fd3a4', '#e7a1c9', '#f0e442', '#0f8fd8'],
  },
}

// There is nothing here that could measure text: room for a wide font is better than words on top of each other.
echarts.setPlatformAPI({ measureText: (text, font) => ({ width: text.length * 0.6 * Number(/(\d+)px/.exec(font ?? '')?.[1] ?? 12) }) })

const FONT = "system-ui, 'Segoe UI', Helvetica, Arial, sans-serif"
const WIDTH = 960
const HEIGHT = 414
const EDGE = { left: 68, right: 20, top: 126, bottom: 62 }
const GAP = 34

/**
 * @param {import('./chart.d.mts').Chart} chart
 * @param {typeof THEMES[number]} theme
 * @returns {string} the SVG
 */
export function draw({ title, subtitle, alt, x, y, panels }, theme) {
  const { text, faint, line, palette } = LOOKS[theme]
  const width = (WIDTH - EDGE.left - EDGE.right - GAP * (panels.length - 1)) / panels.length
  const left = (/** @type {number} */ i) => EDGE.left + i * (width + GAP)
  const names = [...new Set(panels.flatMap(({ series }) => series.map(({ name }) => name)))]
  const range = y.isPerPanel ? {} : rangeOf(y, panels)
  const font = { color: faint, fontSize: 12, fontFamily: FONT }
  const picture = echarts.init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height: HEIGHT })
  const axis = (/** @type {Axis} */ { name, type, categories, min, max, interval, label }) => ({
    type,
    name,
    nameLocation: 'middle',
    nameTextStyle: font,
    min,
    max,
    interval,
    axisLabel: {
      ...font,
      ...(type === 'category' ? { interval: 0 } : { hideOverlap: true, alignMinLabel: 'left', alignMaxLabel: 'right' }),
      ...(label === undefined ? {} : { formatter: label }),
    },
    axisLine: { show: true, lineStyle: { color: line } },
    axisTick: { lineStyle: { color: line } },
    splitLine: { show: type !== 'category', lineStyle: { color: line } },
    ...(categories === undefined ? {} : { data: [...categories] }),
  })
  picture.setOption({
    animation: false,
    textStyle: { fontFamily: FONT },
    title: [
      { text: title, subtext: subtitle, left: 12, top: 8, textStyle: { color: text, fontSize: 17 }, subtextStyle: { color: faint, fontSize: 11 } },
      ...panels.map((panel, i) => ({
        text: panel.title,
        left: left(i) + width / 2,
        top: EDGE.top - 26,
        textAlign: 'center',
        textStyle: { color: text, fontSize: 13 },
      })),
    ],
    legend: { data: names, top: 58, left: 12, itemWidth: 18, itemHeight: 9, textStyle: { color: text, fontSize: 12 } },
    grid: panels.map((_, i) => ({ left: left(i), width, top: EDGE.top, bottom: EDGE.bottom })),
    xAxis: panels.map((_, i) => ({ gridIndex: i, ...axis(x), nameGap: 30 })),
    yAxis: panels.map((_, i) => ({ gridIndex: i, ...axis({ ...y, ...range, name: i === 0 ? y.name : '' }), nameGap: 48 })),
    series: panels.flatMap(({ series }, i) =>
      series.map(({ name, type, data, colour, dashed }) => ({
        name,
        type,
        data: [...data],
        xAxisIndex: i,
        yAxisIndex: i,
        color: palette[colour % palette.length],
        ...(type === 'line'
          ? { symbolSize: 5, lineStyle: { width: 2, type: dashed ? 'dashed' : 'solid' } }
          : { barGap: '8%', barCategoryGap: '28%' }),
      })),
    ),
  })
  const svg = picture.renderToSVGString()
  picture.dispose()
  // What the picture shows, for those who cannot see it.
  return `${svg.replace('<svg ', '<svg role="img" ').replace('>', `>\n<title>${escapeXml(`${title}. ${alt}`)}</title>`)}\n`
}

/** @param {string} text */
function escapeXml(text) {
  return text.replace(/[<>&]/g, (c) => ({ '<': '&lt;', '>': '&gt;', '&': '&amp;' })[c] ?? c)
}

/**
 * The same range for all panels: what is higher looks higher.
 *
 * @param {Axis} axis
 * @param {import('./chart.d.mts').Chart['panels']} panels
 */
function rangeOf({ type }, panels) {
  const values = panels.flatMap(({ series }) => series.flatMap(({ data }) => data.map((point) => (Array.isArray(point) ? point[1] : Number(point)))))
  const decade = (/** @type {number} */ value, /** @type {(x: number) => number} */ round) => 10 ** round(Math.log10(value))
  const most = Math.max(...values)
  if (type === 'log') return { min: decade(Math.min(...values.filter((value) => value > 0)), Math.floor), max: decade(most, Math.ceil) }
  const step = decade(most, Math.floor) / 2
  return { min: 0, max: Math.ceil(most / step) * step }
}
