package secret

// own are the secrets of this process.
var own = New()

// Own is the redactor of this process. The start of a program makes its environment
// and command line known to it, whoever reads a secret from elsewhere adds it, and
// whoever writes for others has it without being told: run folders, tables, live
// figures, meters' texts and the terminal.
func Own() *Redactor { return own }
