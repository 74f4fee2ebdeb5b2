package main

// replaceWords is what is said of new versions of titles.
type replaceWords struct {
	byWithRedeliver, badTime                   string
	nobody, older, when, sourceGone            string
	howToRedeliver, comparing                  string
	redelivered, thereBy, toSend               string
	noneRedelivered, earliest, offered         string
	menu, askLocation, askRedeliver, askByTime string
}

func englishReplace() replaceWords {
	return replaceWords{
		byWithRedeliver: "--redeliver goes with --by TIME or with --by-earliest",
		badTime:         `%.60q is no time: write "18:30", "tomorrow 9:00", "2026-12-24 18:00" or "+2h"`,
		nobody:          "no reception holds an earlier version, or awaits one",
		older:           "receptions that hold an earlier version, or await one:",
		when:            "deposited, or by", sourceGone: "its source is gone: it will fail",
		howToRedeliver: "they stay as they are; to have the new version there:",
		comparing:      "comparing the new version with the earlier one, %d %%",
		redelivered:    "promised:", thereBy: "there by", toSend: "to send",
		noneRedelivered: "not all can be promised it, so none is; what was awaited stays promised",
		earliest:        "earliest", offered: "this would be accepted for all:",
		menu: "replace a title by a new version", askLocation: "location of the new version on the server",
		askRedeliver: "deliver it to them", askByTime: "by when, such as \"tomorrow 9:00\" (empty: as early as can be)",
	}
}

func spanishReplace() replaceWords {
	return replaceWords{
		byWithRedeliver: "--redeliver va con --by HORA o con --by-earliest",
		badTime:         `%.60q no es una hora: escriba "18:30", "mañana 9:00", "2026-12-24 18:00" o "+2h"`,
		nobody:          "ninguna recepción tiene una versión anterior, ni la espera",
		older:           "recepciones que tienen una versión anterior, o la esperan:",
		when:            "depositada, o para", sourceGone: "su fuente ya no está: va a fallar",
		howToRedeliver: "quedan como están; para que la versión nueva llegue a ellas:",
		comparing:      "comparando la versión nueva con la anterior, %d %%",
		redelivered:    "prometido:", thereBy: "estará para", toSend: "por enviar",
		noneRedelivered: "no se puede prometer a todas, así que a ninguna; lo que se esperaba sigue prometido",
		earliest:        "lo antes posible", offered: "esto se aceptaría para todas:",
		menu: "reemplazar un título por una versión nueva", askLocation: "ubicación de la versión nueva en el servidor",
		askRedeliver: "entregarla a esas recepciones", askByTime: "para cuándo, como \"mañana 9:00\" (vacío: lo antes posible)",
	}
}
