package io.tandem.server.text.jinja;

import io.tandem.server.text.jinja.TemplateException.LimitExceeded;
import java.time.Clock;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** A parsed template. Safe from any thread. */
public final class Template {
    private final List<Statement> body;

    private Template(List<Statement> body) {
        this.body = body;
    }

    /** @throws TemplateException with the line, if it cannot be understood */
    public static Template parse(String source) {
        try {
            return new Template(new StatementParser(Lexer.tokens(source)).template());
        } catch (StackOverflowError e) {
            throw new TemplateException("the template is nested too deeply");
        }
    }

    /**
     * Renders the template.
     *
     * @param variables texts, flags, numbers, lists and maps of those; null stands for Python's None
     * @param clock what the template takes for now
     * @throws TemplateException.Refusal if the template refuses the values
     * @throws LimitExceeded if it takes too long or too much memory
     * @throws TemplateException if it fails for any other reason
     */
    public String render(Map<String, ?> variables, Clock clock) {
        Budget budget = new Budget();
        Map<String, Object> all = new HashMap<>(Globals.of(budget, clock));
        variables.forEach((name, value) -> all.put(name, Imported.value(value)));
        Scope scope = Scope.of(all, budget);
        try {
            Statement.run(body, scope);
        } catch (StackOverflowError e) {
            throw new LimitExceeded("is nested too deeply");
        }
        return scope.written();
    }
}
