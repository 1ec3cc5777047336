package loadgen

// numberless keeps the text of a JSON object but for what is in the list of its member
// data, however it is cut into pieces.
type numberless struct {
	out []byte

	depth   int  // of the brackets that are open
	list    int  // the depth at which the list stands, 0 outside of it
	quoted  bool // in a string
	escaped bool // behind a backslash in it
	key     int  // where the last string of the object began in out
	isData  bool // the member under way is data
}

// take takes the next piece.
func (j *numberless) take(b []byte) {
	for _, c := range b {
		kept := j.list == 0
		switch {
		case j.escaped:
			j.escaped = false
		case j.quoted:
			j.escaped, j.quoted = c == '\\', c != '"'
		case c == '"':
			j.quoted = true
			if j.depth == 1 {
				j.key = len(j.out)
			}
		case c == ':' && j.depth == 1:
			j.isData = string(j.out[min(j.key, len(j.out)):min(j.key+len(dataMember), len(j.out))]) == dataMember
		case c == '[' || c == '{':
			if j.depth++; c == '[' && j.depth == 2 && j.isData {
				j.list = j.depth
			}
		case c == ']' || c == '}':
			if j.depth == j.list {
				j.list, kept = 0, true
			}
			j.depth--
		case c == ',' && j.depth == 1:
			j.isData = false
		}
		if kept {
			j.out = append(j.out, c)
		}
	}
}

// dataMember is the name of the member that has the embeddings.
const dataMember = `"data"`
