package io.tandem.loadtest.templates;

import io.tandem.server.text.jinja.Template;
import io.tandem.server.text.jinja.TemplateException;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * Renders published chat templates with Tandem and with {@code @huggingface/jinja}. Where the two disagree, Python's Jinja2
 * decides if it is installed, since that is what models are trained with.
 */
@Command(
        name = "templates",
        mixinStandardHelpOptions = true,
        description = "Compares how published chat templates are rendered; needs Node.js 20, and Python with Jinja2 to"
                + " settle differences. Exits with 1 if Tandem differs.")
public final class Templates implements Callable<Integer> {
    private static final PrintStream OUT = System.out;
    private static final String REFERENCE = "@huggingface/jinja";
    private static final String JUDGE = "jinja2";

    @Option(
            names = "--cache",
            paramLabel = "DIR",
            defaultValue = "loadtest/target/templates",
            description = "Where the npm packages are kept; default ${DEFAULT-VALUE}.")
    private Path cache = Path.of("");

    @Option(
            names = "--show",
            paramLabel = "N",
            defaultValue = "20",
            description = "How many differences to print; default ${DEFAULT-VALUE}.")
    private int show;

    private final Map<String, Count> counts = new LinkedHashMap<>();
    private final Count total = new Count();
    private final List<String> differences = new ArrayList<>();
    /** An example of each kind. */
    private final Map<String, String> deviations = new LinkedHashMap<>();

    private final Map<String, Integer> deviationCounts = new HashMap<>();

    public static void main(String[] args) {
        System.exit(new CommandLine(new Templates()).execute(args));
    }

    @Override
    public Integer call() throws Exception {
        References references = References.install(cache);
        Pairs all = references.pairs();
        Tandem tandem = new Tandem(Clock.fixed(Instant.parse(all.now()), ZoneOffset.UTC));
        boolean judged = References.hasJudge();
        List<Pair> doubtful = new ArrayList<>();
        for (Pair pair : all.pairs()) {
            boolean agree = tandem.render(pair).agrees(pair.reference());
            boolean refused = pair.reference().text() == null;
            if (agree && !refused) {
                count(pair, Verdict.SAME);
            } else if (judged) {
                doubtful.add(pair);
            } else if (refused) {
                count(pair, Verdict.REFUSED);
            } else {
                differ(pair, tandem.render(pair), REFERENCE, pair.reference());
            }
        }
        List<Outcome> judgements = doubtful.isEmpty() ? List.of() : references.judge(all.now(), doubtful);
        for (int i = 0; i < doubtful.size(); i++) {
            judge(doubtful.get(i), tandem.render(doubtful.get(i)), judgements.get(i));
        }
        print(judged);
        return total.differences() + tokenDifferences(references, all.pairs()) == 0 ? 0 : 1;
    }

    /** Prints how often training and serving see other tokens, and returns it. */
    private int tokenDifferences(References references, List<Pair> pairs) throws IOException {
        TrainedTokens tokens = new TrainedTokens(references, cache);
        Count count = new Count();
        Map<String, Integer> refusals = new TreeMap<>();
        List<String> different = new ArrayList<>();
        for (Pair pair : pairs) {
            if (tokens.applies(pair)) {
                TrainedTokens.Prompts prompts = tokens.of(pair);
                boolean agree = prompts.trained().agrees(prompts.served());
                boolean refused = prompts.trained().text() == null;
                count.add(refused ? Verdict.REFUSED : agree ? Verdict.SAME : Verdict.DIFFERENCE);
                if (refused) {
                    refusals.merge(prompts.trained().kind(), 1, Integer::sum);
                } else if (!agree) {
                    different.add(comparison(pair, "trained", prompts.trained(), "served", prompts.served()));
                }
            }
        }
        OUT.println("\nTokens before the last answer of a conversation, trained and served:");
        OUT.println(Count.heading());
        OUT.println(count.row("all"));
        refusals.forEach((reason, times) -> OUT.println("  " + times + " x training " + reason));
        different.stream().limit(show).forEach(OUT::println);
        return different.size();
    }

    private void judge(Pair pair, Outcome own, Outcome judgement) {
        if (!own.agrees(judgement)) {
            differ(pair, own, JUDGE, judgement);
            return;
        }
        if (judgement.agrees(pair.reference())) {
            count(pair, Verdict.REFUSED);
            return;
        }
        count(pair, Verdict.DEVIATION);
        String kind = judgement.kind() + pair.reference().kind();
        deviations.putIfAbsent(kind, comparison(pair, JUDGE, judgement, REFERENCE, pair.reference()));
        deviationCounts.merge(kind, 1, Integer::sum);
    }

    private void differ(Pair pair, Outcome own, String name, Outcome expected) {
        count(pair, Verdict.DIFFERENCE);
        differences.add(comparison(pair, "tandem", own, name, expected));
    }

    private void count(Pair pair, Verdict verdict) {
        counts.computeIfAbsent(pair.template(), name -> new Count()).add(verdict);
        total.add(verdict);
    }

    private static String comparison(Pair pair, String name, Outcome one, String otherName, Outcome other) {
        return "%s, %s%n  %-18s %s%n  %-18s %s"
                .formatted(pair.template(), pair.chat(), name, one.around(other), otherName, other.around(one));
    }

    private void print(boolean judged) {
        OUT.println(Count.heading());
        counts.forEach((name, count) -> OUT.println(count.row(name)));
        OUT.println(total.row("all"));
        if (!judged) {
            OUT.println("\nPython's Jinja2 is not installed, so differences are not settled by it.");
        }
        if (!deviations.isEmpty()) {
            OUT.println("\n" + REFERENCE + " deviates from Jinja2, which Tandem follows; an example of each kind:");
            deviations.forEach((kind, example) -> OUT.println(deviationCounts.get(kind) + " x " + example));
        }
        if (!differences.isEmpty()) {
            OUT.println("\nTandem differs:");
            differences.stream().limit(show).forEach(OUT::println);
        }
    }

    /** Tandem's renderer. */
    private static final class Tandem {
        private final Clock clock;
        private final Map<String, Template> parsed = new HashMap<>();

        Tandem(Clock clock) {
            this.clock = clock;
        }

        Outcome render(Pair pair) {
            try {
                Template template = parsed.computeIfAbsent(pair.source(), Template::parse);
                return new Outcome(template.render(pair.variables(), clock), null);
            } catch (TemplateException e) {
                return new Outcome(null, e.getMessage());
            }
        }
    }
}
