package io.tandem.server.text.jinja;

/**
 * A variable, attribute or entry that does not exist. It is false, empty and prints nothing; every other use is an error.
 *
 * @param message what such a use says
 */
record Undefined(String message) {
    static Undefined variable(String name) {
        return new Undefined("'" + name + "' is undefined");
    }

    static Undefined member(Object of, Object name) {
        String owner = of instanceof Undefined || of == None.NONE ? "None" : Values.typeName(of) + " object";
        return new Undefined("'" + owner + "' has no " + (name instanceof Long ? "element " : "attribute '") + name
                + (name instanceof Long ? "" : "'"));
    }

    TemplateException error() {
        return new TemplateException(message);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Undefined;
    }

    @Override
    public int hashCode() {
        return 0;
    }
}
