package io.tandem.loadtest.expert;

import io.tandem.kernels.pretrain.ExpertFiles;
import io.tandem.loadtest.MergeWay;
import io.tandem.loadtest.ScoreTable;
import io.tandem.loadtest.figure.Table;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Whether a skill that was taught in English reaches another language when its expert is merged with one in the language,
 * as Layer Swapping is meant (Bandarkar et al., 2024).
 */
final class LanguageTransfer {
    private static final double PERCENT = 100;
    private static final String MERGE = "pair";

    private final School school;
    private final double density;
    private final PrintStream out;
    private final List<List<?>> rows = new ArrayList<>();
    private final Map<String, ScoreTable> tables = new LinkedHashMap<>();

    LanguageTransfer(School school, double density, PrintStream out) {
        this.school = school;
        this.density = density;
        this.out = out;
    }

    private List<MergeWay> ways() {
        List<MergeWay> ways = new ArrayList<>(MergeWay.forAny(2, density));
        ways.add(MergeWay.swap("layer swap", Map.of()));
        ways.add(MergeWay.swap("layer swap 1 bottom 1 top", zones(1, 1)));
        ways.add(MergeWay.swap("layer swap 2 bottom", zones(2, 0)));
        return ways;
    }

    /** Whole layers of the language, and no transition. */
    private static Map<String, Integer> zones(int bottom, int top) {
        return Map.of("bottom", bottom, "top", top, "bottom_transition", 0, "top_transition", 0);
    }

    /**
     * Measures one pair.
     *
     * @param language expert in the language
     * @param expert in the skill, taught in English
     */
    void measure(String skill, String language, String expert, long seed) throws IOException, InterruptedException {
        row(skill, "base model", school.base(), seed);
        row(skill, "expert in the skill", expert, seed);
        row(skill, "expert in the language", language, seed);
        row(skill, "both taught at once", school.teach(List.of(skill, ExpertFiles.LANGUAGE), seed), seed);
        for (MergeWay way : ways()) {
            way.merge(school.client(), MERGE, List.of(language, expert));
            row(skill, way.label(), MERGE, seed);
        }
    }

    private void row(String skill, String method, String model, long seed) throws IOException, InterruptedException {
        Map<String, String> exams = new LinkedHashMap<>();
        exams.put("skill in English", skill);
        exams.put("skill in the language", ExpertFiles.inSister(skill));
        exams.put("language", ExpertFiles.LANGUAGE);
        List<String> scores = new ArrayList<>();
        for (Map.Entry<String, String> exam : exams.entrySet()) {
            double score = school.examine(model, exam.getValue());
            rows.add(List.of(skill, method, exam.getKey(), seed, score));
            tables.computeIfAbsent(skill, key -> new ScoreTable()).add(method, exam.getKey(), score);
            scores.add(String.format(Locale.ROOT, "%.0f %% %s", PERCENT * score, exam.getKey()));
        }
        out.printf("seed %d, %s, %s: %s%n", seed, skill, method, String.join(", ", scores));
    }

    /** A table for each skill. */
    void print() {
        tables.forEach((skill, table) -> table.print(out, skill));
    }

    void write(Path file) throws IOException {
        Table.write(file, "skill,method,exam,seed,exact_match", rows);
    }
}
