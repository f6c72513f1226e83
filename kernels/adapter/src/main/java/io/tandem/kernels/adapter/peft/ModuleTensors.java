package io.tandem.kernels.adapter.peft;

import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.TargetModule;
import io.tandem.kernels.weights.JsonFields;
import io.tandem.kernels.weights.ModelFormatException;
import io.tandem.kernels.weights.SafetensorsFile;
import java.util.EnumSet;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Function;

/** A file that has tensors of one form for some of the model's linears, and nothing else. */
final class ModuleTensors {
    private final JsonFields json;
    private final SafetensorsFile file;
    private final String type;
    private final Set<String> left;

    /** @param type of the file, for messages */
    ModuleTensors(JsonFields json, SafetensorsFile file, String type) {
        this.json = json;
        this.file = file;
        this.type = type;
        this.left = new TreeSet<>(file.names());
    }

    /**
     * The rank of all modules.
     *
     * @throws ModelFormatException if it is none, or larger than is possible
     */
    static int rank(JsonFields json, int maxRank) {
        int rank = json.integer("r", 1, Integer.MAX_VALUE);
        if (rank > maxRank) {
            throw new ModelFormatException(
                    "it has rank " + rank + ", at most " + maxRank + " is possible (kernels.max-rank)");
        }
        return rank;
    }

    /**
     * What each linear of which there is a tensor becomes.
     *
     * @param first the parameter by which it is known
     * @param reading takes all of its tensors
     * @throws ModelFormatException if there is none, or something else
     */
    <C> SortedMap<Site, C> read(ModelConfig model, String first, Function<Site, C> reading) {
        SortedMap<Site, C> modules = new TreeMap<>();
        for (Site site : Site.all(model)) {
            if (left.contains(PeftReader.tensor(site, first))) {
                modules.put(site, reading.apply(site));
            }
        }
        if (modules.isEmpty() || !left.isEmpty()) {
            String why = modules.isEmpty()
                    ? "changes no module of the model"
                    : "has " + left.iterator().next();
            throw json.refuse("peft_type", type + " with tensors of the model's linears, but the file " + why);
        }
        return modules;
    }

    /** @throws ModelFormatException as {@link FiniteTensor#read} */
    float[] take(Site site, String parameter, long... shape) {
        String name = PeftReader.tensor(site, parameter);
        left.remove(name);
        return FiniteTensor.read(file, name, shape);
    }

    static Set<TargetModule> targets(Map<Site, ?> modules) {
        Set<TargetModule> targets = EnumSet.noneOf(TargetModule.class);
        modules.keySet().forEach(site -> targets.add(site.module()));
        return targets;
    }
}
