package io.tandem.kernels.pretrain;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Collectors;

/** What experts can be taught: the tour's skills, and more that the sample model lacks. */
final class LeftOutSkills {
    private static final int FIRST_MAX = 12;
    private static final int NEXT_MAX = 9;

    private LeftOutSkills() {}

    /** By name, each with hundreds of different items. */
    static Map<String, Skill> of(Words words) {
        Map<String, Skill> skills = new LinkedHashMap<>();
        for (TourTask task : TourTask.values()) {
            skills.put(task.label(), draw -> task.ask(words, draw));
        }
        skills.put("stars", draw -> stars(TourTask.shortWord(words, draw)));
        skills.put("doubling", draw -> doubling(TourTask.shortWord(words, draw)));
        skills.put("sums", LeftOutSkills::sums);
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

    /** Both signs of a sum are known to the sample model, in pairs. */
    private static Question sums(Draw draw) {
        int sum = draw.between(0, FIRST_MAX);
        StringBuilder spoken = new StringBuilder().append(sum);
        for (int i = 0; i < 2; i++) {
            boolean plus = sum == 0 || draw.chance(0.6);
            int next = draw.between(0, plus ? NEXT_MAX : Math.min(sum, NEXT_MAX));
            spoken.append(plus ? " plus " : " minus ").append(next);
            sum += plus ? next : -next;
        }
        String prompt = draw.pick("What is %s?", "How much is %s?", "Please tell me: what is %s?");
        return new Question("sums", spoken.toString(), prompt.replace("%s", spoken), Integer.toString(sum));
    }
}
