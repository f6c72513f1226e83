package io.tandem.kernels.pretrain;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The vocabulary.
 *
 * @param nouns countable, singular
 * @param plurals of the nouns
 * @param spellable every word of two to ten letters that the letter skills may ask for
 * @param opposites both ways
 * @param colours of things
 */
record Words(
        List<String> nouns,
        Map<String, String> plurals,
        List<String> spellable,
        Map<String, String> opposites,
        Map<String, String> colours,
        List<String> boys,
        List<String> girls) {

    static Words load() {
        Inflection inflection = new Inflection();
        List<String> nouns = Resources.words("nouns.txt");
        Map<String, String> plurals = new LinkedHashMap<>();
        nouns.forEach(noun -> plurals.put(noun, inflection.plural(noun)));
        Set<String> all = new LinkedHashSet<>(nouns);
        all.addAll(plurals.values());
        for (String entry : Resources.words("verbs.txt")) {
            String[] forms = entry.split("/", -1);
            all.add(forms[0]);
            all.add(forms.length > 1 ? forms[1] : Inflection.past(forms[0]));
            all.add(Inflection.withS(forms[0]));
            all.add(Inflection.progressive(forms[0]));
        }
        all.addAll(Resources.words("adjectives.txt"));
        List<String> spellable = all.stream()
                .filter(word -> word.length() > 1 && word.length() <= 10)
                .toList();
        List<String> names = Resources.lines("names.txt");
        return new Words(
                nouns, plurals, spellable, readOpposites(), readColours(), split(names.get(0)), split(names.get(1)));
    }

    /** Not a word, but one could say it: makes letter skills general. */
    static String invented(Draw draw) {
        StringBuilder word = new StringBuilder();
        int syllables = draw.between(1, 3);
        for (int i = 0; i < syllables; i++) {
            word.append(draw.pick(
                    "b c d f g h j k l m n p r s t v w z bl br ch cl dr fl gr pl sh sl sp st th tr".split(" ")));
            word.append(draw.pick("a e i o u a e i o u ai ea ee oo ou".split(" ")));
            if (draw.chance(0.5)) {
                word.append(draw.pick("b d g k l m n p r s t x ck nd ng nt st".split(" ")));
            }
        }
        return word.toString();
    }

    private static Map<String, String> readOpposites() {
        Map<String, String> opposites = new LinkedHashMap<>();
        for (String line : Resources.lines("opposites.txt")) {
            List<String> pair = split(line);
            opposites.putIfAbsent(pair.get(0), pair.get(1));
            opposites.putIfAbsent(pair.get(1), pair.get(0));
        }
        return opposites;
    }

    private static Map<String, String> readColours() {
        Map<String, String> colours = new LinkedHashMap<>();
        for (String line : Resources.lines("colours.txt")) {
            int space = line.lastIndexOf(' ');
            colours.put(line.substring(0, space), line.substring(space + 1));
        }
        return colours;
    }

    private static List<String> split(String line) {
        return new ArrayList<>(List.of(line.strip().split(" +")));
    }
}
