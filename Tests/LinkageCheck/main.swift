// A program of RefrainCore alone. `scripts/linkage` looks at what it links; that it stores and finds an entry proves
// that the memory cache is in it.
