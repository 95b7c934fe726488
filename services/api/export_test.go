package api

// Weigh is what happens now and then by itself.
var Weigh = (*Service).weighOnce
