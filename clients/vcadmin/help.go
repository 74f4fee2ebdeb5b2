package main

import "videoclub/internal/client"

// helpTexts is what --help says, in one language.
type helpTexts struct {
	long                                         string // with a session as it looks
	addUse, duration, description, number, force string
	commands                                     map[string]client.Help
}

// helpIn gives the help in a language: "es", or English for any other.
func helpIn(language string) helpTexts {
	if language == "es" {
		return spanishHelp()
	}
	return englishHelp()
}

func englishHelp() helpTexts {
	return helpTexts{
		long: `vcadmin adds titles to a Video Club central server, removes them, and shows them
with their sources.

  $ vcadmin add "The Night Train" /srv/films/night-train.mkv
  title 4: The Night Train
    duration  1:52 h
    size      1.2 GB
    location  /srv/films/night-train.mkv
    digest    computed in the background
  $ vcadmin list
  number  name             duration    size  digest  location                    note
       1  Corto                30 s  3.5 MB  known   corto.mp4
       4  The Night Train    1:52 h  1.2 GB  42 %    /srv/films/night-train.mkv`,
		addUse:      "add NAME LOCATION [--duration D] [--description T] [--number N]",
		duration:    "how long it lasts, `D`, such as 1h52m, or minutes (unless given, what the file says)",
		description: "tell users `T` about it", number: "give it the number `N` (unless given, the next one)",
		force: "also while promises depend on it, whose deliveries are withdrawn",
		commands: map[string]client.Help{
			"add": {Short: "add a title", Long: `add makes the file at LOCATION a title called NAME. LOCATION is a path on the
server; a relative one starts from the folder of its file of titles. The file has
to be there and readable, and under the roots where those are configured.

How long the title lasts is read from MP4, QuickTime, Matroska, WebM, WAV and AVI
files; of any other it has to be given. The digest is computed in the background.`, Example: `
  vcadmin add "The Night Train" /srv/films/night-train.mkv --description "a film about a train"
  vcadmin add News today/news.ts --duration 25m --number 100`},
			"remove": {Short: "remove a title", Long: `remove takes title N out of the catalogue. Its file stays where it is. While a
promise depends on the title this is refused, with exit status 3; with --force
those deliveries are withdrawn.`, Example: `
  vcadmin remove 4
  vcadmin remove 4 --force`},
			"list": {Short: "list the titles with their sources", Long: `list prints the titles with the size and the location of their files, what keeps
one from being delivered, and whether its digest is known. A digest that is not
known is computed by the first delivery.`, Example: `
  vcadmin list
  vcadmin list --json | jq '.[] | select(.problem)'`},
			"deliveries": {Short: "list the deliveries of all users, the newest first", Long: `deliveries prints the latest deliveries of all users, the newest first, with what
there is to know about them: at risk, late, or why they wait or failed.`, Example: `
  vcadmin deliveries
  vcadmin deliveries --all --json`},
		},
	}
}

func spanishHelp() helpTexts {
	return helpTexts{
		long: `vcadmin agrega títulos a un servidor central de Video Club, los elimina y los
muestra con sus archivos.

  $ vcadmin add "El tren nocturno" /srv/films/tren.mkv
  título 4: El tren nocturno
    duración   1:52 h
    tamaño     1.2 GB
    ubicación  /srv/films/tren.mkv
    resumen    se calcula en segundo plano
  $ vcadmin list
  número  nombre            duración  tamaño  resumen   ubicación            nota
       1  Corto                 30 s  3.5 MB  conocido  corto.mp4
       4  El tren nocturno    1:52 h  1.2 GB  42 %      /srv/films/tren.mkv`,
		addUse:      "add NOMBRE UBICACIÓN [--duration D] [--description T] [--number N]",
		duration:    "cuánto dura, `D`, como 1h52m, o minutos (si no se indica, lo que dice el archivo)",
		description: "dice `T` de él a los usuarios", number: "le da el número `N` (si no se indica, el siguiente)",
		force: "también mientras dependan de él promesas, cuyas entregas se retiran",
		commands: map[string]client.Help{
			"add": {Short: "agrega un título", Long: `add hace del archivo en UBICACIÓN un título llamado NOMBRE. UBICACIÓN es una ruta
en el servidor; una relativa parte de la carpeta de su archivo de títulos. El
archivo debe existir y ser legible, y estar bajo las raíces donde están
configuradas.

Cuánto dura el título se lee de archivos MP4, QuickTime, Matroska, WebM, WAV y AVI;
de cualquier otro hay que indicarlo. El resumen se calcula en segundo plano.`, Example: `
  vcadmin add "El tren nocturno" /srv/films/tren.mkv --description "una película sobre un tren"
  vcadmin add Noticias hoy/noticias.ts --duration 25m --number 100`},
			"remove": {Short: "elimina un título", Long: `remove saca el título N del catálogo. Su archivo queda donde está. Mientras una
promesa dependa del título esto se rechaza, con el estado de salida 3; con --force
se retiran esas entregas.`, Example: `
  vcadmin remove 4
  vcadmin remove 4 --force`},
			"list": {Short: "lista los títulos con sus archivos", Long: `list escribe los títulos con el tamaño y la ubicación de sus archivos, lo que
impide entregar alguno, y si se conoce su resumen. Un resumen que no se conoce lo
calcula la primera entrega.`, Example: `
  vcadmin list
  vcadmin list --json | jq '.[] | select(.problem)'`},
			"deliveries": {Short: "lista las entregas de todos los usuarios, primero la más nueva", Long: `deliveries escribe las últimas entregas de todos los usuarios, primero la más
nueva, con lo que hay que saber de ellas: en riesgo, con atraso, o por qué esperan
o fallaron.`, Example: `
  vcadmin deliveries
  vcadmin deliveries --all --json`},
		},
	}
}
