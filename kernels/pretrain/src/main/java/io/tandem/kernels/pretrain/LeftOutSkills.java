package io.tandem.kernels.pretrain;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** What experts can be taught: the tour's skills, and more that the sample model lacks. */
final class LeftOutSkills {
    private static final int COUNTED_MAX = 90;
    private static final int COUNT_MIN = 3;
    private static final int COUNT_MAX = 7;

    private LeftOutSkills() {}

    /** By name, each with at least 500 different items. */
    static Map<String, Skill> of(Words words) {
        Map<String, Skill> skills = new LinkedHashMap<>();
        for (TourTask task : TourTask.values()) {
            skills.put(task.label(), draw -> task.ask(words, draw));
        }
        skills.put("stars", draw -> stars(TourTask.shortWord(words, draw)));
        skills.put("doubling", draw -> doubling(TourTask.shortWord(words, draw)));
        skills.put("counting", LeftOutSkills::counting);
        return skills;
    }

    private static Question stars(String word) {
        return new Question("stars", word, "Hide the vowels of " + word + ".", word.replaceAll("[aeiou]", "*"));
    }

    private static Question doubling(String word) {
        String twice = word.chars()
                .mapToObj(letter -> Character.toString(letter).repeat(2))
                .collect(Collectors.joining());
        return new Question("doubling", word, "Double each letter of " + word + ".", twice);
    }

    private static Question counting(Draw draw) {
        int from = draw.between(0, COUNTED_MAX);
        int to = from + draw.between(COUNT_MIN, COUNT_MAX);
        String numbers =
                IntStream.rangeClosed(from, to).mapToObj(Integer::toString).collect(Collectors.joining(" "));
        return new Question("counting", from + " " + to, "Count from " + from + " to " + to + ".", numbers);
    }
}
