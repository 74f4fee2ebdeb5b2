package look

// icons are the pictures that stand beside words, as the inside of an SVG of 24
// by 24 units that is stroked in the colour of the text.
var icons = map[string]string{
	"film":     `<rect x="3" y="4.5" width="18" height="15" rx="2.5"/><path d="M7.5 4.5v15M16.5 4.5v15M3 9.5h4.5M3 14.5h4.5M16.5 9.5H21M16.5 14.5H21"/>`,
	"truck":    `<path d="M4 17V6.5A1.5 1.5 0 0 1 5.5 5h9A1.5 1.5 0 0 1 16 6.5V17M16 9.5h2.8l2.2 3.5v4h-1.5M9.5 17h5"/><circle cx="7" cy="17.5" r="2"/><circle cx="17" cy="17.5" r="2"/>`,
	"calendar": `<rect x="3.5" y="5" width="17" height="15" rx="2.5"/><path d="M3.5 10h17M8 3v4M16 3v4M7.5 14h5M11.5 17h5"/>`,
	"place":    `<path d="M4 20h16M6 20V9l6-5 6 5v11M10 20v-5h4v5"/>`,
	"people":   `<circle cx="9" cy="8.5" r="3.5"/><path d="M2.5 20c.5-4 3-6 6.5-6s6 2 6.5 6M16 5.5a3.5 3.5 0 0 1 0 6.5M18 14.5c2 .8 3.2 2.7 3.5 5.5"/>`,
	"camera":   `<rect x="2.5" y="6.5" width="13" height="11" rx="2.5"/><path d="m15.5 11 6-3.5v9l-6-3.5"/>`,
	"sound":    `<path d="M3 12h1.5M7 8v8M10.5 5v14M14 9v6M17.5 6.5v11M21 11v2"/>`,
	"picture":  `<rect x="3" y="4.5" width="18" height="15" rx="2.5"/><circle cx="8.5" cy="9.5" r="1.7"/><path d="m4 18 5-5 3.5 3.5L16 12l5 5"/>`,
	"folder":   `<path d="M3 18V6.5A1.5 1.5 0 0 1 4.5 5H9l2.5 3h8A1.5 1.5 0 0 1 21 9.5V18a1.5 1.5 0 0 1-1.5 1.5h-15A1.5 1.5 0 0 1 3 18z"/>`,
	"search":   `<circle cx="10.5" cy="10.5" r="6.5"/><path d="m15.5 15.5 5 5"/>`,
	"check":    `<path d="m4.5 12.5 5 5 10-11"/>`,
	"cross":    `<path d="m6 6 12 12M18 6 6 18"/>`,
	"warn":     `<path d="M12 4 2.5 20h19zM12 10v4.5M12 17.2v.3"/>`,
	"clock":    `<circle cx="12" cy="12" r="8.5"/><path d="M12 7v5l3.5 2"/>`,
	"key":      `<circle cx="8" cy="15.5" r="4.5"/><path d="m11.5 12 8-8M16 7.5l2.5 2.5"/>`,
	"disk":     `<ellipse cx="12" cy="6" rx="8" ry="3"/><path d="M4 6v12c0 1.7 3.6 3 8 3s8-1.3 8-3V6M4 12c0 1.7 3.6 3 8 3s8-1.3 8-3"/>`,
	"link":     `<path d="M4 12h16M14 6l6 6-6 6"/>`,
	"download": `<path d="M12 4v11M7 10.5l5 5 5-5M4.5 20h15"/>`,
	"play":     `<path d="M7 4.5v15l12-7.5z"/>`,
	"plus":     `<path d="M12 5v14M5 12h14"/>`,
	"leave":    `<path d="M14 4.5H6.5A1.5 1.5 0 0 0 5 6v12a1.5 1.5 0 0 0 1.5 1.5H14M10 12h11M17 8l4 4-4 4"/>`,
}
