#include "serve/serve_program.h"

int main(int argc, char** argv) { return hodei::serve::ServeProgram({argv + 1, argv + argc}); }
