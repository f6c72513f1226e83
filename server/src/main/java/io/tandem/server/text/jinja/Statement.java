package io.tandem.server.text.jinja;

import java.util.List;

/** A part of a template that writes or sets something. Immutable. */
@FunctionalInterface
interface Statement {
    /** How a body ended. */
    enum Flow {
        NORMAL,
        BREAK,
        CONTINUE
    }

    Flow run(Scope scope);

    /** Runs statements one after the other, up to the first that leaves a loop's body. */
    static Flow run(List<Statement> body, Scope scope) {
        for (Statement statement : body) {
            scope.budget().step();
            Flow flow = statement.run(scope);
            if (flow != Flow.NORMAL) {
                return flow;
            }
        }
        return Flow.NORMAL;
    }
}
