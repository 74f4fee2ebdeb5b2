package main

// words is what this program alone says beside help, in one language. What
// has verbs of fmt takes the same values in every language.
type words struct {
	loginUse, linkArgument, loggedIn string

	// Headings and labels.
	requested, planned, started, finished, resumes string
	reason, events, receipt, path, digest, key     string
	promisedFor, depositedAt, files, warning       string
	pace, atMost                                   string

	// Of a live source.
	captured, track, frames, gap, missing, moreGaps, endsHere string

	// Kinds of events, and what keeps a request from being granted.
	kinds, constraints map[string]string

	early, lateBy, left, laxity string

	// About the command line.
	badTitle, badDelivery, badTime                              string
	noReception, byOrEarliest, fromNotBefore, keyTooLong        string
	twoBeginnings                                               string
	badMail, badPace                                            string
	delivery, thereBy, followIt, expected                       string
	askingAgain, maybeHeard, earliest, offered, otherConstraint string
	cancelled, deliveryOf                                       string

	// About several receptions.
	emptyReception, tooManyReceptions, noDeadline, noReceptions string
	possible, yes, no, arrives, earliestTime, followThem        string
	allOrNone, deliveryLine                                     string

	// While watching.
	noAnswer, answersAgain, stopped, of string

	// The menu.
	menuList, menuRequest, menuWhere, menuDeliveries, menuWatch, menuShow, menuCancel string
	askTitle, askReception, askDeadline, askDelivery, earliestWord                    string
	askMail, askMailAgain                                                             string

	// About receipts.
	verified, notVerified                                        string
	noReceipt, noKey, otherKey, otherSize, otherDigest, otherOne string
}

// wordsIn gives the words in a language: "es", or English for any other.
func wordsIn(language string) words {
	if language == "es" {
		return spanish()
	}
	return english()
}

func english() words {
	return words{
		requested: "requested", planned: "planned", started: "started", finished: "finished", resumes: "resumes",
		reason: "reason", events: "events", receipt: "receipt", path: "path", digest: "sha256", key: "key",
		promisedFor: "promised for", depositedAt: "deposited", files: "files", warning: "WARNING",
		pace: "pace", atMost: "%v at most",
		captured: "captured", track: "track %d", frames: "%d pictures or sound frames, %d missing", gap: "GAP", missing: "%s to %s, track %d, %d missing: %s",
		moreGaps: "and %d more",
		endsHere: "ended: delivery %d, %s to %s, at %s (%s had arrived); what was captured is deposited",

		kinds: map[string]string{
			"promised": "promised", "started": "started", "interrupted": "interrupted", "resumed": "resumed",
			"verifying": "verifying", "deposited": "deposited", "failed": "failed", "cancelled": "cancelled", "at_risk": "at risk",
			"recording": "recording", "stopped": "ended sooner",
		},
		constraints: map[string]string{
			"link":     "the link to the reception carries no more until then",
			"uplink":   "the central server's uplink carries no more until then",
			"window":   "the reception's window is closed until then",
			"max_pace": "the max_pace of one delivery is too slow for that",
			"pace":     "the pace asked for is too slow for that; a faster --pace may do",
			"disk":     "the reception has no space left for it",
			"live":     "a recording is not over before its time",
		},

		early: "%s early", lateBy: "%s late", left: "%s left", laxity: "laxity %s",

		badTitle:    "%q is not the number of a title; vcuser list shows them",
		badDelivery: "%q is not the number of a delivery; vcuser deliveries shows them",
		badTime: `%s: %.60q is not a time: write "18:30", "tomorrow 08:00", "friday 18:00", "+2h", "+1h30m", "+2d", ` +
			`"2026-11-22 18:00", or RFC 3339 such as "2026-11-22T18:00:00Z"`,
		noReception:   "--at RECEPTION is missing: the name of the reception server",
		byOrEarliest:  "give either --by TIME or --by-earliest",
		fromNotBefore: "%s %s is not before --by %s",
		twoBeginnings: "give either --at-time TIME or --from TIME: they mean the same",
		keyTooLong:    "--key has %d bytes, 128 are the most",
		badPace:       `--pace: %.60q is not a rate: write "20Mbit/s", "1.5 MB/s" or "800 kbit/s"`,
		badMail:       "%.80q is not a mail address such as ana@example.org",

		delivery: "delivery %d: %s to %s", thereBy: "will be there by", followIt: "follow it with", expected: "planned",
		askingAgain:     "no answer, asking again with the same key",
		maybeHeard:      "it may have been heard; this asks for the same delivery, never for a second one:",
		earliest:        "the earliest deadline that can be promised is %s",
		offered:         "with time to spare for asking, this would be accepted:",
		otherConstraint: "the constraint is %s",
		cancelled:       "cancelled: delivery %d, %s to %s, of which %s (%s) had arrived",
		deliveryOf:      "delivery %d",

		emptyReception:    "--at: %q has a name that is empty",
		tooManyReceptions: "--at: %d receptions are named, %d are the most",
		noDeadline:        "--by TIME is missing: the deadline",
		noReceptions:      "no receptions are known yet; --at names them",
		possible:          "possible", yes: "yes", no: "no", arrives: "arrives", earliestTime: "earliest", followThem: "follow them with",
		deliveryLine: "%s to %s, %s",
		allOrNone:    "nothing is promised, since not all receptions can have it",

		noAnswer:     "the server does not answer; trying until it does, and the delivery goes on by itself",
		answersAgain: "the server answers again",
		stopped:      "no longer watching; the delivery goes on by itself", of: "%s of %s",

		loginUse: "login LINK", linkArgument: "LINK", loggedIn: "logged in as %s at %s; remembered in %s",

		verified: "receipt: verified", notVerified: "receipt: NOT verified: %s",
		noReceipt:   "there is none, though the delivery is deposited",
		noKey:       "the key of %s is not known",
		otherKey:    "it is signed by another key than the one that %s is known by",
		otherSize:   "it is for %d bytes, the delivery has %d",
		otherDigest: "its digest %s is not the delivery's, %s",
		otherOne:    "it is for another delivery: %s, title %d, reception %s",

		menuList: "list the titles", menuRequest: "request a title", menuWhere: "where a title could be", menuDeliveries: "deliveries",
		menuWatch: "watch a delivery", menuShow: "show a delivery and its receipt", menuCancel: "cancel a delivery",
		askTitle: "number of the title", askReception: "reception server", askDeadline: "latest time of arrival, such as 18:30 or +2h (+2h, 20 Mbit/s for a pace)",
		askMail: "your mail address (may be empty)", askMailAgain: "your mail address (- for none)", askDelivery: "number of the delivery", earliestWord: "earliest",
	}
}

func spanish() words {
	return words{
		requested: "solicitada", planned: "prevista", started: "iniciada", finished: "terminada", resumes: "reanudaciones",
		reason: "motivo", events: "sucesos", receipt: "recibo", path: "ruta", digest: "sha256", key: "clave",
		promisedFor: "prometida para", depositedAt: "depositada", files: "archivos", warning: "ATENCIÓN",
		pace: "ritmo", atMost: "%v a lo más",
		captured: "captada", track: "pista %d", frames: "%d imágenes o muestras, faltan %d", gap: "HUECO", missing: "%s a %s, pista %d, faltan %d: %s",
		moreGaps: "y %d más",
		endsHere: "terminada: entrega %d, %s a %s, en %s (habían llegado %s); lo que se captó se deposita",

		kinds: map[string]string{
			"promised": "prometida", "started": "iniciada", "interrupted": "interrumpida", "resumed": "reanudada",
			"verifying": "verificando", "deposited": "depositada", "failed": "fallida", "cancelled": "cancelada", "recording": "grabando", "stopped": "terminada antes", "at_risk": "en riesgo",
		},
		constraints: map[string]string{
			"link":     "el enlace con la recepción no da para más hasta entonces",
			"uplink":   "la subida del servidor central no da para más hasta entonces",
			"window":   "la ventana de la recepción está cerrada hasta entonces",
			"max_pace": "el max_pace de una entrega es muy lento para eso",
			"pace":     "el ritmo pedido es muy lento para eso; un --pace más rápido puede servir",
			"disk":     "la recepción no tiene espacio para él",
			"live":     "una grabación no termina antes de su tiempo",
		},

		early: "%s antes", lateBy: "%s tarde", left: "faltan %s", laxity: "holgura %s",

		badTitle:    "%q no es el número de un título; vcuser list los muestra",
		badDelivery: "%q no es el número de una entrega; vcuser deliveries las muestra",
		badTime: `%s: %.60q no es una hora: escriba "18:30", "mañana 08:00", "viernes 18:00", "+2h", "+1h30m", "+2d", ` +
			`"2026-11-22 18:00", o RFC 3339 como "2026-11-22T18:00:00Z"`,
		noReception:   "falta --at RECEPCIÓN: el nombre del servidor de recepción",
		byOrEarliest:  "indique --by HORA o bien --by-earliest",
		fromNotBefore: "%s %s no es anterior a --by %s",
		twoBeginnings: "indique --at-time HORA o bien --from HORA: significan lo mismo",
		keyTooLong:    "--key tiene %d bytes, 128 es lo máximo",
		badPace:       `--pace: %.60q no es una velocidad: escriba "20Mbit/s", "1.5 MB/s" u "800 kbit/s"`,
		badMail:       "%.80q no es una dirección de correo como ana@example.org",

		delivery: "entrega %d: %s a %s", thereBy: "estará allí antes de", followIt: "sígala con", expected: "prevista",
		askingAgain:     "sin respuesta, se pregunta otra vez con la misma clave",
		maybeHeard:      "puede que se haya oído; esto pide la misma entrega, nunca una segunda:",
		earliest:        "el plazo más temprano que se puede prometer es %s",
		offered:         "con tiempo de sobra para pedirlo, esto se aceptaría:",
		otherConstraint: "la restricción es %s",
		cancelled:       "cancelada: entrega %d, %s a %s, de la que había llegado %s (%s)",
		deliveryOf:      "entrega %d",

		emptyReception:    "--at: %q tiene un nombre vacío",
		tooManyReceptions: "--at: se indican %d recepciones, %d es lo máximo",
		noDeadline:        "falta --by HORA: el plazo",
		noReceptions:      "todavía no se conoce ninguna recepción; --at las indica",
		possible:          "posible", yes: "sí", no: "no", arrives: "llega", earliestTime: "lo más temprano", followThem: "sígalas con",
		deliveryLine: "%s a %s, %s",
		allOrNone:    "no se promete nada, pues no todas las recepciones pueden tenerlo",

		noAnswer:     "el servidor no responde; se insiste hasta que lo haga, y la entrega continúa sola",
		answersAgain: "el servidor responde otra vez",
		stopped:      "ya no se observa; la entrega continúa sola", of: "%s de %s",

		loginUse: "login ENLACE", linkArgument: "ENLACE", loggedIn: "acceso como %s en %s; se recuerda en %s",

		verified: "recibo: verificado", notVerified: "recibo: NO verificado: %s",
		noReceipt:   "no lo hay, aunque la entrega está depositada",
		noKey:       "no se conoce la clave de %s",
		otherKey:    "lo firma otra clave que aquella por la que se conoce a %s",
		otherSize:   "es por %d bytes, la entrega tiene %d",
		otherDigest: "su resumen %s no es el de la entrega, %s",
		otherOne:    "es de otra entrega: %s, título %d, recepción %s",

		menuList: "listar los títulos", menuRequest: "pedir un título", menuWhere: "dónde podría estar un título", menuDeliveries: "entregas",
		menuWatch: "observar una entrega", menuShow: "ver una entrega y su recibo", menuCancel: "cancelar una entrega",
		askTitle: "número del título", askReception: "servidor de recepción", askDeadline: "última hora de llegada, como 18:30 o +2h (+2h, 20 Mbit/s para un ritmo)",
		askMail: "su dirección de correo (puede quedar vacía)", askMailAgain: "su dirección de correo (- para ninguna)", askDelivery: "número de la entrega", earliestWord: "antes posible",
	}
}
