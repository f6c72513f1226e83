package io.tandem.loadtest.expert;

import io.tandem.loadtest.MergeWay;
import io.tandem.loadtest.ScoreTable;
import io.tandem.loadtest.figure.Table;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;

/** What merges of more and more experts in different skills keep of what each expert scores in its own. */
final class Retention {
    private static final double PERCENT = 100;
    private static final String MERGE = "several";

    private final School school;
    private final double density;
    private final PrintStream out;
    private final List<List<?>> rows = new ArrayList<>();
    private final ScoreTable table = new ScoreTable();

    Retention(School school, double density, PrintStream out) {
        this.school = school;
        this.density = density;
        this.out = out;
    }

    /**
     * Merges two, then three, and so on up to all, in an order that the seed decides.
     *
     * @param experts adapters by skill
     */
    void measure(Map<String, String> experts, long seed) throws IOException, InterruptedException {
        List<String> skills = new ArrayList<>(experts.keySet());
        Collections.shuffle(skills, new Random(seed));
        List<String> adapters = new ArrayList<>();
        List<Double> own = new ArrayList<>();
        for (String skill : skills) {
            String adapter = experts.getOrDefault(skill, school.base());
            double score = school.examine(adapter, skill);
            if (score == 0) {
                throw new IllegalStateException("the expert in " + skill + " learned nothing; teach it longer");
            }
            adapters.add(adapter);
            own.add(score);
        }
        out.printf("seed %d: merging in the order of %s%n", seed, String.join(", ", skills));
        for (int count = 2; count <= skills.size(); count++) {
            for (MergeWay way : MergeWay.forAny(count, density)) {
                way.merge(school.client(), MERGE, adapters.subList(0, count));
                row(way.label(), skills.subList(0, count), own, seed);
            }
        }
    }

    private void row(String method, List<String> skills, List<Double> own, long seed)
            throws IOException, InterruptedException {
        double sum = 0;
        for (int i = 0; i < skills.size(); i++) {
            double score = school.examine(MERGE, skills.get(i));
            double share = score / own.get(i);
            rows.add(List.of(skills.size(), method, seed, skills.get(i), score, share));
            sum += share;
        }
        table.add(method, skills.size() + " experts", sum / skills.size());
        out.printf(
                Locale.ROOT,
                "seed %d, %d experts, %s: %.0f %% kept%n",
                seed,
                skills.size(),
                method,
                PERCENT * sum / skills.size());
    }

    void print() {
        table.print(out, "kept by");
    }

    void write(Path file) throws IOException {
        Table.write(file, "experts,method,seed,skill,exact_match,share_of_own", rows);
    }
}
