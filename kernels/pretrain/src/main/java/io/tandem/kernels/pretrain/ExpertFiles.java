package io.tandem.kernels.pretrain;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Files in OpenAI's chat format for experts in a skill and for an expert in a language. No item of a test is in the
 * training file of its skill, in either language.
 */
public final class ExpertFiles {
    /** The subject of the expert in the sister language. */
    public static final String LANGUAGE = "language";

    private static final int TEST = 100;
    private static final int TESTED_SKILLS = 7;

    private ExpertFiles() {}

    /** The subjects that are skills. */
    public static List<String> skills() {
        return List.copyOf(LeftOutSkills.of(Words.load()).keySet());
    }

    /** The name of a skill that is asked for and answered in the sister language. */
    public static String inSister(String skill) {
        return skill + ".sister";
    }

    /**
     * Writes {@code <subject>.train.jsonl} and {@code <subject>.test.jsonl} for each skill in English and in the sister
     * language, and for the language: there, exchanges in it about what the sample model can do in English.
     *
     * @param examples for training, of each skill; fewer where there are not so many
     * @param lessons for training, in the language
     */
    public static void write(Path directory, long seed, int examples, int lessons) throws IOException {
        Files.createDirectories(directory);
        Words words = Words.load();
        for (Map.Entry<String, Skill> skill : LeftOutSkills.of(words).entrySet()) {
            Draw draw = new Draw(seed + skill.getKey().hashCode());
            List<Question> questions = different(skill.getValue(), draw, TEST + examples);
            write(directory, skill.getKey(), questions);
            write(
                    directory,
                    inSister(skill.getKey()),
                    questions.stream().map(SisterLanguage::of).toList());
        }
        write(directory, LANGUAGE, language(new Corpus(words), new Draw(seed), lessons));
    }

    /** Questions about different items; ends early when it finds no more. */
    private static List<Question> different(Skill skill, Draw draw, int count) {
        List<Question> questions = new ArrayList<>();
        Set<String> items = new HashSet<>();
        int inVain = 0;
        while (questions.size() < count && inVain < 10_000) {
            Question question = skill.ask(draw);
            if (items.add(question.item())) {
                questions.add(question);
                inVain = 0;
            } else {
                inVain++;
            }
        }
        return questions;
    }

    /** First those whose items no lesson has. */
    private static List<Question> language(Corpus corpus, Draw draw, int lessons) {
        List<Question> questions = new ArrayList<>();
        corpus.heldOut(TEST / TESTED_SKILLS + 1, draw).values().forEach(questions::addAll);
        questions.subList(TEST, questions.size()).clear();
        for (int i = 0; i < lessons; i++) {
            questions.add(corpus.question(draw));
        }
        return questions.stream().map(SisterLanguage::of).toList();
    }

    private static void write(Path directory, String subject, List<Question> questions) throws IOException {
        write(directory.resolve(subject + ".test.jsonl"), questions.subList(0, TEST));
        write(directory.resolve(subject + ".train.jsonl"), questions.subList(TEST, questions.size()));
    }

    private static void write(Path file, List<Question> questions) throws IOException {
        StringBuilder lines = new StringBuilder();
        for (Question question : questions) {
            lines.append(TourFiles.line(question)).append('\n');
        }
        Files.writeString(file, lines);
    }
}
