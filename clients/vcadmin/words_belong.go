package main

// belongWords is what is said about receptions and accounts, in one language.
type belongWords struct {
	runThere, runUntil, addedAs, knownAgain, badLink, badAddress string
	removed, stays, unpair                                       string

	address, link, identity, pairing, code     string
	paired, waiting, expired, unpaired, soFar  string
	noReceptions, configured, source, addedBy  string
	found                                      map[string]string // what is looked at
	well, notWell, and                         string
	foundName, foundConnection, foundIdentity  string
	foundAhead, foundBehind, foundSpace, needs string
	foundRate                                  string
	todo                                       map[string]string // what to do where it is not well
	allWell                                    string

	account, renewed, mail, role, admin, user, created, seen, never string
	loginLink, giveLink, noAccounts, accountRemoved, firstAccount   string
	mailMissing                                                     string
	linkOnce, noConsole                                             string // of the web console
}

func englishBelong() belongWords {
	return belongWords{
		runThere: "run this on %s, once:", runUntil: "it can be used until", addedAs: "reception %s", knownAgain: "%s was known already: the code before this one, if any, is void",
		badLink:    `--link: %.60q is not a rate: write "100 Mbit/s" or "12.5 MB/s"`,
		badAddress: "--address: %q is not HOST:PORT, such as 192.0.2.7:4102",
		removed:    "removed: reception %s", stays: "it is still in the configuration of the central server, and is delivered to again once it is paired",
		unpair: "it goes on trusting this central server until vcvrs unpair is run there, or it is paired with another",

		address: "address", link: "link", identity: "identity", pairing: "pairing", code: "code",
		paired: "paired", waiting: "waits until %s", expired: "the code has expired", unpaired: "not paired", soFar: "so far: %s",
		noReceptions: "no receptions are known yet; vcadmin reception add NAME adds one", configured: "configured", source: "source", addedBy: "added",
		found: map[string]string{"name": "name", "connection": "connection", "identity": "identity", "clock": "clock", "space": "free space", "rate": "measured rate"},
		well:  "well", notWell: "NOT WELL", and: ", ",
		foundName: "%s is at %s", foundConnection: "%s answers", foundIdentity: "it is %s, as it was known",
		foundAhead: "%s ahead of the central server", foundBehind: "%s behind the central server", foundSpace: "%s", needs: "%s, and %s are promised to it",
		foundRate: "%s; the link is set to %s",
		todo: map[string]string{
			"name":       "mend the name in the DNS, or give the address: vcadmin reception add %s --address HOST:PORT",
			"connection": "on %s: is vcvrs started, does it listen at that port on every address, does a firewall let it through?",
			"identity":   "if it was set up anew, pair it again: vcadmin reception add %s; if not, somebody else answers in its place",
			"clock":      "on %s: let the clock be set by the network (timedatectl set-ntp true)",
			"space":      "on %s: free some space, or raise quota in vcvrs.toml",
			"rate":       "if nothing else was under way, set the link to what there is: vcadmin reception add %s --link RATE, or in the configuration",
		},
		allWell: "%s is well",

		account: "account %s", renewed: "the login link before this one is void", mail: "mail", role: "role", admin: "administrator", user: "user", created: "created", seen: "last use", never: "never",
		loginLink: "login link", giveLink: "give it to %s, and to nobody else: who has it is taken for that account; they run",
		noAccounts: "there are no accounts yet; vcadmin account add NAME --mail ADDRESS adds one", accountRemoved: "removed: account %s; its login is void from now on",
		firstAccount: "from now on everybody needs an account; without one, this machine administers by vcadmin --server %s",
		mailMissing:  "--mail ADDRESS is missing: where this person is written to",
		linkOnce:     "open it in a browser; it lets one in, once, until %s", noConsole: "the console is turned off",
	}
}

func spanishBelong() belongWords {
	return belongWords{
		runThere: "ejecute esto en %s, una vez:", runUntil: "se puede usar hasta", addedAs: "recepción %s", knownAgain: "%s ya era conocida: el código anterior, si lo hay, ya no vale",
		badLink:    `--link: %.60q no es una tasa: escriba "100 Mbit/s" o "12.5 MB/s"`,
		badAddress: "--address: %q no es HOST:PUERTO, como 192.0.2.7:4102",
		removed:    "eliminada: recepción %s", stays: "sigue en la configuración del servidor central, y se le entrega otra vez cuando se la empareje",
		unpair: "sigue confiando en este servidor central hasta que se ejecute allí vcvrs unpair, o se la empareje con otro",

		address: "dirección", link: "enlace", identity: "identidad", pairing: "emparejamiento", code: "código",
		paired: "emparejada", waiting: "espera hasta %s", expired: "el código venció", unpaired: "sin emparejar", soFar: "hasta ahora: %s",
		noReceptions: "todavía no se conoce ninguna recepción; vcadmin reception add NOMBRE agrega una", configured: "configurada", source: "origen", addedBy: "agregada",
		found: map[string]string{"name": "nombre", "connection": "conexión", "identity": "identidad", "clock": "reloj", "space": "espacio libre", "rate": "tasa medida"},
		well:  "bien", notWell: "MAL", and: ", ",
		foundName: "%s está en %s", foundConnection: "%s responde", foundIdentity: "es %s, como se la conocía",
		foundAhead: "%s adelantado al servidor central", foundBehind: "%s atrasado respecto al servidor central", foundSpace: "%s", needs: "%s, y se le prometieron %s",
		foundRate: "%s; el enlace está fijado en %s",
		todo: map[string]string{
			"name":       "corrija el nombre en el DNS, o indique la dirección: vcadmin reception add %s --address HOST:PUERTO",
			"connection": "en %s: ¿está iniciado vcvrs, escucha en ese puerto en todas las direcciones, lo deja pasar el cortafuegos?",
			"identity":   "si fue instalada de nuevo, empareje otra vez: vcadmin reception add %s; si no, otro responde en su lugar",
			"clock":      "en %s: deje que la red ponga el reloj en hora (timedatectl set-ntp true)",
			"space":      "en %s: libere espacio, o aumente quota en vcvrs.toml",
			"rate":       "si no había nada más en curso, fije el enlace en lo que hay: vcadmin reception add %s --link TASA, o en la configuración",
		},
		allWell: "%s está bien",

		account: "cuenta %s", renewed: "el enlace de acceso anterior ya no vale", mail: "correo", role: "papel", admin: "administrador", user: "usuario", created: "creada", seen: "último uso", never: "nunca",
		loginLink: "enlace de acceso", giveLink: "déselo a %s y a nadie más: quien lo tiene pasa por esa cuenta; allí se ejecuta",
		noAccounts: "todavía no hay cuentas; vcadmin account add NOMBRE --mail DIRECCIÓN agrega una", accountRemoved: "eliminada: cuenta %s; su acceso ya no vale",
		firstAccount: "desde ahora todos necesitan una cuenta; sin ella, esta máquina administra con vcadmin --server %s",
		mailMissing:  "falta --mail DIRECCIÓN: adónde se escribe a esta persona",
		linkOnce:     "ábralo en un navegador; deja entrar a uno, una vez, hasta %s", noConsole: "la consola está apagada",
	}
}
