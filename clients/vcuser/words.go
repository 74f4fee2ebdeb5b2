package main

// words is everything that a person is told beside help, in one language. What
// has verbs of fmt takes the same values in every language.
type words struct {
	// Headings and labels.
	number, name, duration, description                   string
	id, title, reception, state, progress, deadline, note string
	size, requested, planned, started, finished, resumes  string
	notBefore, reason, events, receipt, path, digest, key string
	promisedFor, depositedAt                              string

	// States of a delivery, kinds of events, and what keeps a request from
	// being granted.
	states, kinds, constraints map[string]string

	atRisk, late, early, lateBy, left, laxity string

	// About the command line.
	unknownCommand, unknownCommandAlike, missing, tooMany       string
	badServer, badTitle, badDelivery, badCount, badTime         string
	noReception, byOrEarliest, fromNotBefore, keyTooLong        string
	noTitles, noDeliveries                                      string
	delivery, thereBy, followIt, expected                       string
	askingAgain, maybeHeard, earliest, offered, otherConstraint string
	cancelled, deliveryOf                                       string

	// While watching.
	noAnswer, answersAgain, stopped, of string

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
		number: "number", name: "name", duration: "duration", description: "description",
		id: "id", title: "title", reception: "reception", state: "state", progress: "progress", deadline: "deadline", note: "note",
		size: "size", requested: "requested", planned: "planned", started: "started", finished: "finished", resumes: "resumes",
		notBefore: "not before", reason: "reason", events: "events", receipt: "receipt", path: "path", digest: "sha256", key: "key",
		promisedFor: "promised for", depositedAt: "deposited",

		states: map[string]string{
			"promised": "promised", "sending": "sending", "verifying": "verifying",
			"deposited": "deposited", "failed": "failed", "cancelled": "cancelled",
		},
		kinds: map[string]string{
			"promised": "promised", "started": "started", "interrupted": "interrupted", "resumed": "resumed",
			"verifying": "verifying", "deposited": "deposited", "failed": "failed", "cancelled": "cancelled",
		},
		constraints: map[string]string{
			"link":     "the link to the reception carries no more until then",
			"uplink":   "the central server's uplink carries no more until then",
			"window":   "the reception's window is closed until then",
			"max_pace": "the max_pace of one delivery is too slow for that",
		},

		atRisk: "at risk", late: "late", early: "%s early", lateBy: "%s late", left: "%s left", laxity: "laxity %s",

		unknownCommand: "there is no command %q", unknownCommandAlike: "there is no command %q; perhaps %s",
		missing: "%s: %s is missing", tooMany: "%s: %q is one argument too many",
		badServer:   "--server: %q is not HOST:PORT, such as 127.0.0.1:4100",
		badTitle:    "%q is not the number of a title; vcuser list shows them",
		badDelivery: "%q is not the number of a delivery; vcuser deliveries shows them",
		badCount:    "--number: %d deliveries cannot be listed, 1 is the least",
		badTime: `%s: %.60q is not a time: write "18:30", "tomorrow 08:00", "friday 18:00", "+2h", "+1h30m", "+2d", ` +
			`"2026-11-22 18:00", or RFC 3339 such as "2026-11-22T18:00:00Z"`,
		noReception:   "--at RECEPTION is missing: the name of the reception server",
		byOrEarliest:  "give either --by TIME or --by-earliest",
		fromNotBefore: "--from %s is not before --by %s",
		keyTooLong:    "--key has %d bytes, 128 are the most",
		noTitles:      "there are no titles yet", noDeliveries: "there are no deliveries yet",

		delivery: "delivery %d: %s to %s", thereBy: "will be there by", followIt: "follow it with", expected: "planned",
		askingAgain:     "no answer, asking again with the same key",
		maybeHeard:      "it may have been heard; this asks for the same delivery, never for a second one:",
		earliest:        "the earliest deadline that can be promised is %s",
		offered:         "with time to spare for asking, this would be accepted:",
		otherConstraint: "the constraint is %s",
		cancelled:       "cancelled: delivery %d, %s to %s, of which %s (%s) had arrived",
		deliveryOf:      "delivery %d",

		noAnswer:     "the server does not answer; trying until it does, and the delivery goes on by itself",
		answersAgain: "the server answers again",
		stopped:      "no longer watching; the delivery goes on by itself", of: "%s of %s",

		verified: "receipt: verified", notVerified: "receipt: NOT verified: %s",
		noReceipt:   "there is none, though the delivery is deposited",
		noKey:       "the key of %s is not known",
		otherKey:    "it is signed by another key than the one that %s is known by",
		otherSize:   "it is for %d bytes, the delivery has %d",
		otherDigest: "its digest %s is not the delivery's, %s",
		otherOne:    "it is for another delivery: %s, title %d, reception %s",
	}
}

func spanish() words {
	return words{
		number: "número", name: "nombre", duration: "duración", description: "descripción",
		id: "id", title: "título", reception: "recepción", state: "estado", progress: "avance", deadline: "plazo", note: "nota",
		size: "tamaño", requested: "solicitada", planned: "prevista", started: "iniciada", finished: "terminada", resumes: "reanudaciones",
		notBefore: "no antes de", reason: "motivo", events: "sucesos", receipt: "recibo", path: "ruta", digest: "sha256", key: "clave",
		promisedFor: "prometida para", depositedAt: "depositada",

		states: map[string]string{
			"promised": "prometida", "sending": "enviando", "verifying": "verificando",
			"deposited": "depositada", "failed": "fallida", "cancelled": "cancelada",
		},
		kinds: map[string]string{
			"promised": "prometida", "started": "iniciada", "interrupted": "interrumpida", "resumed": "reanudada",
			"verifying": "verificando", "deposited": "depositada", "failed": "fallida", "cancelled": "cancelada",
		},
		constraints: map[string]string{
			"link":     "el enlace con la recepción no da para más hasta entonces",
			"uplink":   "la subida del servidor central no da para más hasta entonces",
			"window":   "la ventana de la recepción está cerrada hasta entonces",
			"max_pace": "el max_pace de una entrega es muy lento para eso",
		},

		atRisk: "en riesgo", late: "con atraso", early: "%s antes", lateBy: "%s tarde", left: "faltan %s", laxity: "holgura %s",

		unknownCommand: "no hay ninguna orden %q", unknownCommandAlike: "no hay ninguna orden %q; quizás %s",
		missing: "%s: falta %s", tooMany: "%s: %q es un argumento de más",
		badServer:   "--server: %q no es HOST:PUERTO, como 127.0.0.1:4100",
		badTitle:    "%q no es el número de un título; vcuser list los muestra",
		badDelivery: "%q no es el número de una entrega; vcuser deliveries las muestra",
		badCount:    "--number: no se pueden listar %d entregas, 1 es lo mínimo",
		badTime: `%s: %.60q no es una hora: escriba "18:30", "mañana 08:00", "viernes 18:00", "+2h", "+1h30m", "+2d", ` +
			`"2026-11-22 18:00", o RFC 3339 como "2026-11-22T18:00:00Z"`,
		noReception:   "falta --at RECEPCIÓN: el nombre del servidor de recepción",
		byOrEarliest:  "indique --by HORA o bien --by-earliest",
		fromNotBefore: "--from %s no es anterior a --by %s",
		keyTooLong:    "--key tiene %d bytes, 128 es lo máximo",
		noTitles:      "todavía no hay títulos", noDeliveries: "todavía no hay entregas",

		delivery: "entrega %d: %s a %s", thereBy: "estará allí antes de", followIt: "sígala con", expected: "prevista",
		askingAgain:     "sin respuesta, se pregunta otra vez con la misma clave",
		maybeHeard:      "puede que se haya oído; esto pide la misma entrega, nunca una segunda:",
		earliest:        "el plazo más temprano que se puede prometer es %s",
		offered:         "con tiempo de sobra para pedirlo, esto se aceptaría:",
		otherConstraint: "la restricción es %s",
		cancelled:       "cancelada: entrega %d, %s a %s, de la que había llegado %s (%s)",
		deliveryOf:      "entrega %d",

		noAnswer:     "el servidor no responde; se insiste hasta que lo haga, y la entrega continúa sola",
		answersAgain: "el servidor responde otra vez",
		stopped:      "ya no se observa; la entrega continúa sola", of: "%s de %s",

		verified: "recibo: verificado", notVerified: "recibo: NO verificado: %s",
		noReceipt:   "no lo hay, aunque la entrega está depositada",
		noKey:       "no se conoce la clave de %s",
		otherKey:    "lo firma otra clave que aquella por la que se conoce a %s",
		otherSize:   "es por %d bytes, la entrega tiene %d",
		otherDigest: "su resumen %s no es el de la entrega, %s",
		otherOne:    "es de otra entrega: %s, título %d, recepción %s",
	}
}
