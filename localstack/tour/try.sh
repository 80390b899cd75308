cd {{sh .Root}}
API={{.API}}
phone() { {{sh .Device}} --state {{sh .Data}}/phones/"$@"; }
token() { curl -s $API/oidc/token -d grant_type=urn:zapas:development -d user=$1 | first access_token; }
first() { grep -o "\"$1\":\"[^\"]*\"" | head -n 1 | cut -d '"' -f 4; }
ask()   { curl -s -H "Authorization: Bearer $(token $1)" -H 'Content-Type: application/json' "${@:2}"; echo; }

# Who is Anna, which profiles does Ada keep, which phones are Anna's?
ask anna $API/v1/me
ask ada $API/v1/profiles
ask anna $API/v1/me/devices

# Anna makes a friend, and forces a backup of her old phone from her card. The phone sees it and backs up.
printf 'BEGIN:VCARD\nVERSION:3.0\nFN:A New Friend\nTEL:+48600100200\nEND:VCARD\n' >> {{sh .Data}}/exports/old/contacts.vcf
OLD=$(phone old status --json | first device)
ask anna -X POST $API/v1/me/devices/$OLD/backup
phone old checkin
phone old backup --if-due --from {{sh .Data}}/exports/old
phone old verify

# She picks her newest backup and sends it to her new phone, which restores it.
ask anna $API/v1/me/snapshots
SNAPSHOT=$(ask anna $API/v1/me/snapshots | first id)
NEW=$(phone new status --json | first device)
RESTORE=$(ask anna $API/v1/me/restores -d "{\"snapshot\":\"$SNAPSHOT\",\"device\":\"$NEW\"}" | first id)
phone new restores
phone new plan $RESTORE --to {{sh .Data}}/exports/new
phone new restore $RESTORE --to {{sh .Data}}/exports/new
grep 'A New Friend' {{sh .Data}}/exports/new/contacts.vcf
ask anna $API/v1/me/restores/$RESTORE

# Ada sees numbers; to Piotr there is no such phone.
ask ada $API/v1/devices/$OLD/snapshots
ask piotr $API/v1/me/devices/$OLD
