package io.tandem.kernels.pretrain;

import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** Simple stories: a hero, a friend, a thing, a trouble and its end, with the pronouns right. */
final class StoryGenerator {
    private final Grammar grammar = new Grammar(Resources.lines("grammar.txt"));
    private final Words words;

    StoryGenerator(Words words) {
        this.words = words;
    }

    /** A story about whatever the draw gives. */
    String story(Draw draw) {
        return grammar.expand("story", cast(draw), draw);
    }

    /** A story whose hero is of the given kind, for example {@code cat}. */
    String storyAbout(String kind, Draw draw) {
        Map<String, String> cast = cast(draw);
        cast.put("kind", kind);
        return grammar.expand("story", cast, draw);
    }

    /** What {@link #storyAbout} can be asked for. */
    String animal(Draw draw) {
        return grammar.expand("animal_name", Map.of(), draw);
    }

    private Map<String, String> cast(Draw draw) {
        Map<String, String> cast = new HashMap<>();
        boolean boy = draw.chance(0.5);
        boolean friendBoy = draw.chance(0.5);
        String name = draw.pick(boy ? words.boys() : words.girls());
        String friend = name;
        while (friend.equals(name)) {
            friend = draw.pick(friendBoy ? words.boys() : words.girls());
        }
        cast.put("name", name);
        cast.put("friend", friend);
        cast.put("kind", draw.chance(0.6) ? (boy ? "boy" : "girl") : animal(draw));
        cast.put("he", boy ? "he" : "she");
        cast.put("his", boy ? "his" : "her");
        cast.put("him", boy ? "him" : "her");
        cast.put("fhe", friendBoy ? "he" : "she");
        for (String slot : List.of("place", "food", "thing", "colour", "kin")) {
            cast.put(slot, grammar.expand(slot, cast, draw));
        }
        cast.put("place2", grammar.expand("place", cast, draw));
        cast.put("animal", animal(draw));
        cast.put("adj", grammar.expand("adj2", cast, draw).toLowerCase(Locale.ROOT));
        return cast;
    }
}
