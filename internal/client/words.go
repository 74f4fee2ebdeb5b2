package client

// Words are what both clients say, in one language. What has verbs of fmt takes
// the same values in every language.
type Words struct {
	// Headings and labels.
	Number, Name, Duration, Description                   string
	ID, Title, Reception, State, Progress, Deadline, Note string
	Size                                                  string

	States       map[string]string // of a delivery
	AtRisk, Late string

	NoTitles, NoDeliveries string

	// About the command line.
	UnknownCommand, UnknownCommandAlike, Missing, TooMany string
	BadServer, BadCount, NoShell                          string
	PerhapsClosed                                         string // follows what was refused
	TurnedAway                                            string // of a server that closes the connection at once

	// Help.
	ServerFlag, PinFlag, JSONFlag, HelpFlag, MostFlag, AllFlag                   string
	Usage, CommandName, Examples, Commands, Flags, AllFlags, MoreHelp, HelpAbout string
	HostPort, CompletionShort, CompletionLong                                    string

	// Menus.
	Choose, Quit, NoOption, Menu string
}

// WordsIn gives the words in a language: "es", or English for any other.
func WordsIn(language string) Words {
	if language == "es" {
		return spanish()
	}
	return english()
}

func english() Words {
	return Words{
		Number: "number", Name: "name", Duration: "duration", Description: "description",
		ID: "id", Title: "title", Reception: "reception", State: "state", Progress: "progress", Deadline: "deadline", Note: "note",
		Size: "size",
		States: map[string]string{
			"promised": "promised", "sending": "sending", "verifying": "verifying",
			"deposited": "deposited", "failed": "failed", "cancelled": "cancelled",
		},
		AtRisk: "at risk", Late: "late",
		NoTitles: "there are no titles yet", NoDeliveries: "there are no deliveries yet",

		UnknownCommand: "there is no command %q", UnknownCommandAlike: "there is no command %q; perhaps %s",
		Missing: "%s: %s is missing", TooMany: "%s: %q is one argument too many",
		BadServer:     "--server: %q is not HOST:PORT, such as 127.0.0.1:%s",
		BadCount:      "--number: %d deliveries cannot be listed, 1 is the least",
		NoShell:       "there are no completions for %q, only for bash, zsh and fish",
		PerhapsClosed: "; no server runs there, or it was started without --open and accepts its own machine alone",
		TurnedAway:    "%s closed the connection at once; it may be full, or have this address wait after failed logins: try again in some minutes",

		ServerFlag: "ask the central server at `HOST:PORT` (unless given, $%[1]s or 127.0.0.1:%[2]s; port %[2]s)",
		PinFlag:    "the server on another machine has to be `IDENTITY`, as vccs --identity prints it there",
		JSONFlag:   "print JSON: bytes, bytes a second, times in RFC 3339",
		HelpFlag:   "print this help",
		MostFlag:   "list the latest `N` deliveries (20 unless given)", AllFlag: "list all deliveries",
		Usage: "Usage", CommandName: "COMMAND", Examples: "Examples", Commands: "Commands",
		Flags: "Flags", AllFlags: "Flags of all commands", MoreHelp: "%[1]s help COMMAND says more; %[1]s HOST PORT opens a menu.",
		HelpAbout: "print help about a command", HostPort: "HOST PORT",
		CompletionShort: "print what makes a shell complete commands, numbers and names",
		CompletionLong: `completion prints what makes a shell complete this program's command lines:
commands and flags, and what the server knows, such as the numbers of titles,
receptions and deliveries. The first example is for the shell that is open, the
others are for all that follow.`,

		Choose: "choose", Quit: "quit", NoOption: "%q is none of these: write a number", Menu: "Video Club at %s",
	}
}

func spanish() Words {
	return Words{
		Number: "número", Name: "nombre", Duration: "duración", Description: "descripción",
		ID: "id", Title: "título", Reception: "recepción", State: "estado", Progress: "avance", Deadline: "plazo", Note: "nota",
		Size: "tamaño",
		States: map[string]string{
			"promised": "prometida", "sending": "enviando", "verifying": "verificando",
			"deposited": "depositada", "failed": "fallida", "cancelled": "cancelada",
		},
		AtRisk: "en riesgo", Late: "con atraso",
		NoTitles: "todavía no hay títulos", NoDeliveries: "todavía no hay entregas",

		UnknownCommand: "no hay ninguna orden %q", UnknownCommandAlike: "no hay ninguna orden %q; quizás %s",
		Missing: "%s: falta %s", TooMany: "%s: %q es un argumento de más",
		BadServer:     "--server: %q no es HOST:PUERTO, como 127.0.0.1:%s",
		BadCount:      "--number: no se pueden listar %d entregas, 1 es lo mínimo",
		NoShell:       "no hay completado para %q, solo para bash, zsh y fish",
		PerhapsClosed: "; allí no hay un servidor en marcha, o fue iniciado sin --open y solo acepta su propia máquina",
		TurnedAway:    "%s cerró la conexión de inmediato; puede estar lleno, o hacer esperar a esta dirección tras accesos fallidos: intente de nuevo en unos minutos",

		ServerFlag: "pregunta al servidor central en `HOST:PUERTO` (si no se indica, $%[1]s o 127.0.0.1:%[2]s; puerto %[2]s)",
		PinFlag:    "el servidor en otra máquina debe ser `IDENTIDAD`, como la muestra allí vccs --identity",
		JSONFlag:   "escribe JSON: bytes, bytes por segundo, horas en RFC 3339",
		HelpFlag:   "escribe esta ayuda",
		MostFlag:   "lista las últimas `N` entregas (20 si no se indica)", AllFlag: "lista todas las entregas",
		Usage: "Uso", CommandName: "ORDEN", Examples: "Ejemplos", Commands: "Órdenes",
		Flags: "Opciones", AllFlags: "Opciones de todas las órdenes", MoreHelp: "%[1]s help ORDEN dice más; %[1]s HOST PUERTO abre un menú.",
		HelpAbout: "escribe la ayuda de una orden", HostPort: "HOST PUERTO",
		CompletionShort: "escribe lo que hace que un shell complete órdenes, números y nombres",
		CompletionLong: `completion escribe lo que hace que un shell complete las órdenes de este
programa: órdenes y opciones, y lo que el servidor sabe, como los números de los
títulos, las recepciones y las entregas. El primer ejemplo es para el shell que
está abierto, los otros para todos los que sigan.`,

		Choose: "elija", Quit: "salir", NoOption: "%q no es ninguna de estas: escriba un número", Menu: "Video Club en %s",
	}
}
