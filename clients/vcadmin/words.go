package main

// words is what this program alone says, in one language. What has verbs of fmt
// takes the same values in every language.
type words struct {
	nameArgument, locationArgument string

	location, digest, known, waiting, inBackground    string
	added, removed, withdrawn, sameLocation           string
	badDuration, badTitle, noDuration                 string
	menuList, menuAdd, menuRemove, menuDeliveries     string
	menuSources, can, usedBy, upTo, channels          string
	aPattern, aTone                                   string
	askName, askLocation, askDescription, askDuration string
	caret                                             string
	askNumber, askForce, yes, no, yesOrNo             string

	belong   belongWords
	replace  replaceWords
	schedule scheduleWords
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
		nameArgument: "NAME", locationArgument: "LOCATION",
		location: "location", digest: "digest", known: "known", waiting: "waiting", inBackground: "computed in the background",
		added: "title %d: %s", removed: "removed: title %d, %s", withdrawn: "withdrawn: deliveries %s",
		sameLocation: "the same file is title %s too",
		badDuration:  `%s: %.60q is not a duration: write "1h52m", "45s", or minutes such as "112" or "0.5"`,
		badTitle:     "%q is not the number of a title; vcadmin list shows them",
		noDuration:   "the file does not say how long it lasts",

		menuList: "list the titles", menuAdd: "add a title", menuRemove: "remove a title", menuDeliveries: "deliveries",
		menuSources: "list the cameras and microphones", can: "can do", usedBy: "captured for", upTo: "%s up to %s", channels: "%s channels",
		aPattern: "a pattern, made", aTone: "a tone, made",
		caret:   "the name has a `^`, which separates the fields of the file of titles",
		askName: "name", askLocation: "location on the server", askDescription: "description (may be empty)",
		askDuration: "duration, such as 1h52m or 112 (minutes)", askNumber: "number of the title",
		askForce: "withdraw these deliveries and remove it", yes: "yes", no: "no", yesOrNo: "write yes or no",

		belong: englishBelong(), replace: englishReplace(), schedule: englishSchedule(),
	}
}

func spanish() words {
	return words{
		nameArgument: "NOMBRE", locationArgument: "UBICACIÓN",
		location: "ubicación", digest: "resumen", known: "conocido", waiting: "en espera", inBackground: "se calcula en segundo plano",
		added: "título %d: %s", removed: "eliminado: título %d, %s", withdrawn: "retiradas: entregas %s",
		sameLocation: "el mismo archivo es también el título %s",
		badDuration:  `%s: %.60q no es una duración: escriba "1h52m", "45s", o minutos como "112" o "0.5"`,
		badTitle:     "%q no es el número de un título; vcadmin list los muestra",
		noDuration:   "el archivo no dice cuánto dura",

		menuList: "listar los títulos", menuAdd: "agregar un título", menuRemove: "eliminar un título", menuDeliveries: "entregas",
		menuSources: "listar las cámaras y los micrófonos", can: "puede", usedBy: "se captura para", upTo: "%s hasta %s", channels: "%s canales",
		aPattern: "un patrón, hecho aquí", aTone: "un tono, hecho aquí",
		caret:   "el nombre tiene un `^`, que separa los campos del archivo de títulos",
		askName: "nombre", askLocation: "ubicación en el servidor", askDescription: "descripción (puede quedar vacía)",
		askDuration: "duración, como 1h52m o 112 (minutos)", askNumber: "número del título",
		askForce: "retirar esas entregas y eliminarlo", yes: "sí", no: "no", yesOrNo: "escriba sí o no",

		belong: spanishBelong(), replace: spanishReplace(), schedule: spanishSchedule(),
	}
}
